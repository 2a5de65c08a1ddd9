"""`conversion.toml`: what is refused, and where the message points."""

import re
from pathlib import Path

import pytest

from flywheel_assets.conversion import conversion_dataset
from flywheel_assets.conversion.conversion_file import read_definition
from flywheel_assets.conversion.conversion_text import text_for_events, text_for_sessions
from flywheel_assets.conversion.definition import ConversionDefinition
from flywheel_assets.errors import ConversionError
from flywheel_assets_tests.conversion.projects import AFTER_TWO, TEXT, conversion_project
from flywheel_assets_tests.projects import Project

KINDS, CARRIED = ["views", "orders"], ["device", "hour"]
TAKEN = {column.name for column in conversion_dataset.TABLE.columns}


def read(folder: Path, text: str, kinds: list[str] | None = KINDS) -> ConversionDefinition:
    path = folder / "conversion.toml"
    path.write_text(text)
    return read_definition(path, kinds, CARRIED, TAKEN)


def test_first_texts_are_read_as_they_are_meant(tmp_path: Path) -> None:
    assert read(tmp_path, text_for_events(KINDS, ["device"])) == ConversionDefinition(
        ("orders",), events=3, categories=("device",)
    )
    assert read(tmp_path, text_for_sessions(["pages", "leads"]), None) == ConversionDefinition(column="leads")
    with pytest.raises(ConversionError, match="sessions is views: none of them looks like a conversion"):
        text_for_events(["views"], [])
    with pytest.raises(ConversionError, match="'sales' is none of them"):
        text_for_events(KINDS, [], "sales")


HORIZON = "[horizon]\nevents = 3\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('[conversion]\nkinds = ["sales"]\n' + HORIZON, 2, "what events.toml counts in sessions is views, orders"),
        ("[conversion]\nkinds = []\n" + HORIZON, 2, "kinds is empty; expected views or orders"),
        ("[conversion]\nkinds = 3\n" + HORIZON, 2, "expected a text, or a list of texts"),
        ('[conversion]\nkinds = "orders"\ncolumn = "leads"\n', 1, r"\[conversion\] has kinds and column"),
        ("[conversion]\n" + HORIZON, 1, r"\[conversion\] has nothing; expected kinds, as in"),
        ('[conversion]\nkinds = "orders"\n', None, r"\[horizon\] has nothing; expected events = 3, or minutes = 5"),
        ('[conversion]\nkinds = "orders"\n[horizon]\nevents = 1\nminutes = 1', 3, "has both events and minutes"),
        ('[conversion]\nkinds = "orders"\n[horizon]\nevents = 0', 4, "expected a whole number from 1 to 1,000"),
        ('[conversion]\nkinds = "orders"\n[horizon]\nminutes = 1.5', 4, "expected a whole number from 1 to 1,440"),
        ('[conversion]\nkinds = "orders"\n[horizon]\npages = 1', 4, "has 'pages'; expected events or minutes"),
        ('[conversion]\ncolumn = "leads"\n' + HORIZON, 3, r"with column a session is predicted at its start"),
        (
            '[conversion]\nkinds = "orders"\n' + HORIZON + '[features]\ncategories = ["page"]',
            6,
            "has 'page'; .carry. of events.toml has device, hour",
        ),
        (
            '[conversion]\nkinds = "orders"\n' + HORIZON + '[features]\ncategories = ["hour"]',
            6,
            "has 'hour', the name of a column of ours; rename it",
        ),
        ('[conversion]\ncolumn = "a"\n[features]\ncategories = ["a"]', 4, "has 'a', which says who converts"),
        ("[conversion]\ncolumn = \n", None, "is not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, line: int | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=message) as error:
        read(tmp_path, text)
    assert line is None or f"conversion.toml, line {line}: " in str(error.value)


def test_kinds_without_events_are_told_the_ways_out(tmp_path: Path) -> None:
    expected = 'there is no events.toml. Name a column of landed sessions, as in column = "leads"'
    with pytest.raises(ConversionError, match=re.escape(expected)):
        read(tmp_path, '[conversion]\nkinds = "orders"\n' + HORIZON, None)


def test_a_kind_whose_events_are_in_no_session_is_no_conversion(tmp_path: Path) -> None:
    project = conversion_project(tmp_path, AFTER_TWO.replace("purchases", "mails"))
    with project.flywheel() as flywheel:
        assert "kinds has 'mails'; what events.toml counts in sessions is page_views" in flywheel.conversion.wait
        assert flywheel.problems() == [flywheel.conversion.wait]
        assert flywheel.makeable([conversion_dataset.TABLE]) == []


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    project = conversion_project(tmp_path)
    text = project.settings.events_file.read_text()
    project.settings.events_file.write_text(text.replace(TEXT, TEXT.replace("carts =", "distinct_items =")))
    with project.flywheel() as flywheel:
        assert "two columns of session_horizons would be named distinct_items_so_far" in flywheel.conversion.wait


def test_without_the_file_there_are_no_tables(project: Project) -> None:
    assert not conversion_dataset.TABLE.used(project.settings)
    with project.flywheel() as flywheel:
        assert flywheel.problems() == []
