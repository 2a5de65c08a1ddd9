"""A mapping that is written is the one that is read."""

import string
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.ingest.mapping import Carried, Definition, EventMapping, Value
from flywheel_assets.ingest.mapping_file import read_mapping
from flywheel_assets.ingest.mapping_text import mapping_text

texts = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=12)
keys = st.one_of(texts, st.text(string.ascii_lowercase + "._- ", min_size=1, max_size=8))
some = st.lists(texts, max_size=3).map(tuple)
conditions = st.dictionaries(keys, st.lists(texts, min_size=1, max_size=2).map(tuple), max_size=2)
counts = st.builds(Definition, st.just("count"), st.one_of(st.none(), some), conditions.map(lambda d: tuple(d.items())))
sums = st.builds(Definition, st.sampled_from(["sum", "max", "distinct"]), st.one_of(st.none(), some), st.just(()), keys)
others = st.sampled_from([Definition("duration", of="minutes"), Definition("start_hour")])


@st.composite
def mappings(draw: st.DrawFn) -> EventMapping:
    features = draw(st.dictionaries(keys, st.one_of(counts, sums, others), min_size=1, max_size=4))
    columns = draw(st.tuples(*[keys] * 5))
    values = draw(st.dictionaries(keys, st.builds(Value, st.just(""), texts, texts, texts), max_size=2))
    names = st.text(string.ascii_lowercase, min_size=12, max_size=14).map(lambda name: f"{name}_carried")
    return EventMapping(
        *columns,
        time_unit=draw(st.sampled_from(["", "seconds", "microseconds"])),
        timezone=draw(st.sampled_from(["UTC", "Europe/Berlin"])),
        deduplicate=draw(st.sampled_from(["event_id", "all_columns", None])),
        ignored=draw(some),
        identities=draw(st.sampled_from(["", "ids.csv"])),
        features=features,
        values=values,
        carried=draw(st.dictionaries(names, st.builds(Carried, keys, st.booleans()), max_size=2)),
    )


@given(mappings(), st.dictionaries(st.sampled_from(["time", "user", "features", "deduplicate", "carry"]), st.text()))
def test_what_is_written_is_read(mapping: EventMapping, comments: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.toml"
        path.write_text(mapping_text(mapping, comments, "Of a test."), encoding="utf-8", newline="")
        assert read_mapping(path, list(mapping.features)) == mapping


def test_each_choice_has_its_comment_above_it() -> None:
    mapping = EventMapping("at", user="who", features={"views": Definition("count", ("view",))})
    comments = {
        "user": "12 different.",
        "features.views": "3 events",
        "features": "No feature counts: 'x' (1).\nAdd one.",
    }
    assert mapping_text(mapping, comments, "Of a test.").splitlines() == [
        "# Of a test.",
        "",
        "[columns]",
        "# 12 different.",
        'user = "who"',
        'time = "at"',
        "",
        "[events]",
        'deduplicate = "all_columns"',
        "",
        "# No feature counts: 'x' (1).",
        "# Add one.",
        "",
        "# 3 events",
        "[features.views]",
        'count = "view"',
    ]
