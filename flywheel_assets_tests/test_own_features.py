"""A project of a team's own features: what lands, waits for a model, is labelled once there is one, and what a change
of `features.toml` asks for."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from flywheel_assets.errors import ArtefactError, NotMaterializedError, SettingsError
from flywheel_assets.features import KINDS, Feature, features_text
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.landing import landed_sessions
from flywheel_assets.needs import needs
from flywheel_assets.orchestration import sensors
from flywheel_assets.ranges import trimmed_sessions
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.registry.promotion import objections
from flywheel_assets.registry.shelves import CANDIDATES
from flywheel_assets.training import network_grid
from flywheel_assets.training.candidate_comparison import compare_bundles, promote_candidate
from flywheel_assets.training.candidates import train_candidate
from flywheel_assets.training.sources import file_source
from flywheel_assets.users.status import statuses
from flywheel_assets_tests.bundles import write_artefacts
from flywheel_assets_tests.histories import FIRST, NOW
from flywheel_assets_tests.labelled import quickly
from flywheel_assets_tests.projects import MODELS, Project, checks, materializations

SHOP = {
    "catalog": "count",
    "product": "count",
    "cart": "count",
    "delivery": "count",
    "payment": "amount",
    "purchase": "count",
}
STATED = ("cart", "payment", "purchase")
SECOND = "2024-01-29"
MADE = ["landed_sessions", "trimmed_sessions"]
LABELLED = ["session_predictions", "user_distributions", "user_labels", "enriched_export", "label_transitions"]
QUALITIES = ["Very Low Quality", "Medium Quality", "High Quality"]


def depth(user: int, number: int) -> int:
    """Of a user's session: 0, 1, 2, and of every second user 0, 0, 1."""
    return max(number - user % 2, 0)


def shop_sessions(
    users: int = 12, features: Sequence[str] = tuple(SHOP), keys: Sequence[str] = (FIRST, SECOND), **others: Any
) -> pa.Table:
    """Three sessions per user and interval, of the depths of :func:`depth`; payments have cents, some are refunds."""
    random, rows = np.random.default_rng(1), []
    for key in keys:
        start = int(datetime.fromisoformat(key).replace(tzinfo=UTC).timestamp())
        for user in range(users):
            for number in range(3):
                counts = random.poisson((1, 6, 20)[depth(user, number)], len(features))
                values = dict(zip(features, map(float, counts), strict=True))
                if "payment" in values:
                    values["payment"] = round(values["payment"] * 19.99 - (user % 3) * 25.5, 2)
                rows.append({"session_id": f"u{user}.{start + number * 5000 + user}", "user_id": f"u{user}", **values})
    table = pa.Table.from_pylist(rows)
    for name, value in others.items():
        table = table.append_column(name, pa.array([value] * len(table)))
    return table


def state(project: Project, features: Mapping[str, str] = SHOP) -> None:
    stated = [Feature(name, kind, "", f"what {name} is") for name, kind in features.items()]
    (project.folder / "features.toml").write_text(features_text(stated))


@pytest.fixture
def own(tmp_path: Path) -> Project:
    """Landed sessions of a shop, its features stated, and no model."""
    project = Project(tmp_path, FLYWHEEL_MODELS_DIR="models")
    state(project)
    project.land("shop.parquet", shop_sessions())
    return project


def with_models(project: Project, features: Sequence[str] = tuple(SHOP)) -> Project:
    """The same with tiny models of these features; another project object, since the first one keeps what it read."""
    write_artefacts(project.folder / "models", features, user_labels=("Passive", "Busy"))
    return project.with_settings()


def asked(project: Project, *keys: str) -> list[tuple[str, list[str]]]:
    """What `flywheel run` would make, by interval, with the tables."""
    with project.flywheel() as flywheel:
        found = needs(flywheel, flywheel.spine, project.intervals(*keys))
        return [(need.interval.key, [*need.tables]) for need in found]


def test_without_a_model_sessions_land_and_are_trimmed_and_labels_wait_with_what_to_do(own: Project) -> None:
    result = own.materialize(FIRST, *MADE)

    assert result.success
    assert checks(result, "landed_sessions")["contract"].passed
    assert own.table("trimmed_sessions", FIRST).column_names[2:8] == [*SHOP]
    with own.flywheel() as flywheel:
        assert [table.name for table in flywheel.spine] == MADE
        assert flywheel.labels_wait == (
            f"Labels wait for a model: {own.folder / 'models'} has none. "
            "Next: flywheel segments fit, flywheel segments propose, flywheel models train"
        )


def test_a_label_that_is_asked_for_by_hand_fails_with_that_sentence(own: Project) -> None:
    result = own.materialize(FIRST, *MADE, "session_predictions")

    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "Labels wait for a model" in str(failure.step_failure_data.error)
    with own.flywheel() as flywheel, pytest.raises(ArtefactError, match="Labels wait for a model"):
        _ = flywheel.models


def test_an_interval_whose_labels_wait_is_done(own: Project) -> None:
    own.materialize(FIRST, *MADE)
    own.materialize(SECOND, *MADE)

    assert asked(own, FIRST, SECOND) == []
    with own.flywheel() as flywheel:
        found = [(one.interval.key, one.state, one.why) for one in statuses(flywheel, {}, NOW)]
        assert flywheel.unfinished(*own.intervals(FIRST)) == []
    assert found[:2] == [(FIRST, "done", ""), (SECOND, "done", "")]


def test_the_sensors_ask_for_what_can_be_made_and_say_what_waits(own: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Flywheel, "now", lambda _: NOW)
    monkeypatch.setattr(sensors, "SETTLED_SECONDS", -(datetime.now(UTC) - NOW).total_seconds() + 10)
    repository = own.definitions.get_repository_def()

    def tick(name: str) -> Any:
        return repository.get_sensor_def(name)(dg.build_sensor_context(own.instance, repository_def=repository))

    requests = tick("landing_sensor").run_requests
    assert [request.partition_key for request in requests][:2] == [FIRST, SECOND]
    assert {tuple(key.to_user_string() for key in request.asset_selection) for request in requests} == {tuple(MADE)}
    for request in requests:
        assert own.materialize(request.partition_key, *MADE).success
    assert tick("landing_sensor").run_requests == []
    assert "Labels wait for a model" in tick("landing_sensor").skip_reason.skip_message
    for name in ("transitions_sensor", "history_sensor"):
        assert "Labels wait for a model" in tick(name).skip_message


def test_a_model_of_these_features_labels_all_and_a_feature_that_it_does_not_know_passes_through(own: Project) -> None:
    own.materialize(FIRST, *MADE)
    two = with_models(own, ("purchase", "catalog"))

    with two.flywheel() as flywheel:
        assert flywheel.labels_wait == ""
    assert asked(two, FIRST) == [(FIRST, LABELLED)], "what landed stays as it is"
    assert [run.failure for run in two.run(FIRST)] == [""]
    exported = two.table("enriched_export", FIRST)
    assert exported.num_rows == 36
    assert exported.column_names[:8] == ["session_id", "user_id", *SHOP]


def test_a_model_that_needs_another_feature_leaves_labels_waiting_and_names_it(own: Project) -> None:
    two = with_models(own, ("purchase", "leads", "shares"))

    with two.flywheel() as flywheel:
        assert flywheel.labels_wait.startswith(
            f"Labels wait: the session model in {own.folder / 'models'} needs leads, shares, not in "
            f"{own.folder / 'features.toml'}. Add what is missing there"
        )
        assert [table.name for table in flywheel.spine] == MADE
    result = two.materialize(FIRST, *MADE)
    assert result.success


def test_a_half_bundle_stays_the_error_that_it_is(own: Project) -> None:
    with_models(own)
    (own.folder / "models" / "minmax_scaler_users.pkl").unlink()
    broken = own.with_settings()

    with broken.flywheel() as flywheel, pytest.raises(ArtefactError, match=r"lacks minmax_scaler_users.pkl"):
        _ = flywheel.labels_wait


def test_without_a_model_and_a_statement_the_way_to_one_is_told(tmp_path: Path) -> None:
    with (
        Project(tmp_path, FLYWHEEL_MODELS_DIR="models").flywheel() as flywheel,
        pytest.raises(SettingsError, match=r"nothing says which features a session has: .*flywheel features init FILE"),
    ):
        _ = flywheel.features


def test_refunds_and_cents_land_and_a_negative_count_is_quarantined(own: Project) -> None:
    table = shop_sessions(1, keys=[FIRST])
    cart = table.column_names.index("cart")
    own.land("shop.parquet", table.set_column(cart, "cart", pa.array([-1.0, 2.0, 3.0])))
    own.materialize(FIRST, *MADE)

    landed = own.rows("landed_sessions", FIRST)
    assert [(row["cart"], row["payment"]) for row in landed] == [
        (2.0, landed[0]["payment"]),
        (3.0, landed[1]["payment"]),
    ]
    own.land("shop.parquet", shop_sessions(3, keys=[FIRST]), minute=1)
    own.materialize(FIRST, *MADE)
    paid = [row["payment"] for row in own.rows("trimmed_sessions", FIRST)]
    assert sorted(paid) == sorted(shop_sessions(3, keys=[FIRST])["payment"].to_pylist())
    assert min(paid) < 0
    assert any(value % 1 for value in paid)


def test_a_feature_that_is_added_makes_everything_stale(own: Project) -> None:
    two = with_models(own)
    two.land("shop.parquet", shop_sessions(visits=3), minute=1)
    two.run(FIRST)
    state(own, {**SHOP, "visits": "count"})
    three = two.with_settings()

    assert asked(three, FIRST) == [(FIRST, [*MADE, *LABELLED])]
    with three.flywheel() as flywheel:
        assert flywheel.lineage.stale_because(landed_sessions.TABLE, *two.intervals(FIRST)) == "features: visits added"
    assert [run.failure for run in three.run(FIRST)] == [""]
    assert asked(three, FIRST) == []


def test_trimmed_sessions_from_before_a_feature_was_stated_are_to_be_made_again(own: Project) -> None:
    own.materialize(FIRST, *MADE)
    state(own, {**SHOP, "visits": "count"})

    with (
        own.with_settings().flywheel() as flywheel,
        pytest.raises(NotMaterializedError, match=r"has no column visits, a feature by now; make it again"),
    ):
        trimmed_sessions(flywheel, *own.intervals(FIRST))


def test_a_statement_of_what_the_champion_takes_makes_nothing_stale(copy: Project) -> None:
    before = asked(copy, FIRST)
    (copy.folder / "features.toml").write_text(features_text(copied_features(copy)))
    stated = copy.with_settings()

    assert before == asked(stated, FIRST) == []
    with stated.flywheel() as flywheel:
        assert flywheel.stated_features
        assert flywheel.labels_wait == ""


def copied_features(project: Project) -> list[Feature]:
    with project.flywheel() as flywheel:
        return [*flywheel.features]


def test_what_a_feature_means_stands_beside_its_column(own: Project) -> None:
    made = materializations(own.materialize(FIRST, *MADE))["trimmed_sessions"]

    columns = {one.name: one.description for one in made.metadata["dagster/column_schema"].value.columns}
    assert columns["payment"] == "what payment is (amount)"


def test_hundreds_of_features_land_and_are_trimmed_and_labelled(tmp_path: Path) -> None:
    names = {f"f{number}": KINDS[number % 4] for number in range(200)}
    project = Project(tmp_path, FLYWHEEL_MODELS_DIR="models")
    state(project, names)
    project.land("wide.parquet", shop_sessions(100, tuple(names), [FIRST]))
    two = with_models(project, [*names])

    assert [run.failure for run in two.run(FIRST)] == [""]
    assert two.table("landed_sessions", FIRST).num_rows == 300
    assert two.table("enriched_export", FIRST).num_rows == two.table("trimmed_sessions", FIRST).num_rows > 0


def labelled_file(project: Project) -> Path:
    """Sessions of 120 users with their quality, and users with a label."""
    table = shop_sessions(120)
    users = ["Passive" if int(user[1:]) % 2 else "Engaged" for user in table["user_id"].to_pylist()]
    quality = [QUALITIES[depth(user, number)] for _ in (FIRST, SECOND) for user in range(120) for number in range(3)]
    table = table.append_column("session_quality_label", pa.array(quality))
    project.land("../labelled.parquet", table.append_column("user_flywheel_label", pa.array(users)))
    return project.folder / "data" / "labelled.parquet"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The shop with sessions of a file, of which it states half of the features, and with a candidate trained on it."""
    project = Project(tmp_path_factory.mktemp("trained"), FLYWHEEL_MODELS_DIR="models")
    state(project, {name: SHOP[name] for name in STATED})
    project.land("shop.parquet", shop_sessions())
    with pytest.MonkeyPatch.context() as patched, project.flywheel() as flywheel:
        patched.setattr(network_grid, "schedule", quickly)
        source = file_source(flywheel, labelled_file(project), pytest.fail)
        train_candidate(
            project.settings.models_dir, source.data, source.command, 1, lambda _: None, [(4,)], source.sections
        )
    return project


def candidate(project: Project) -> ModelBundle:
    (folder,) = (project.settings.models_dir / CANDIDATES).iterdir()
    return ModelBundle.open(folder)


def test_a_labelled_file_of_own_features_trains_without_a_champion_and_the_candidate_labels_everything(
    trained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Flywheel, "now", lambda _: NOW)
    own = trained.copied_to(tmp_path)
    bundle = candidate(own)
    with own.flywheel() as flywheel:
        done, comparison = promote_candidate(flywheel, bundle.version, "", forced=False)

    assert (bundle["session"].features, bundle["session"].order) == (STATED, tuple(QUALITIES))
    assert (done.before, comparison) == (None, None)
    assert "| `payment` | amount |  | what payment is |" in (own.settings.models_dir / "README.md").read_text()
    assert [run.failure for run in own.with_settings().run(FIRST)] == [""]


def test_a_champion_of_other_features_cannot_be_compared_and_that_is_said(
    trained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Flywheel, "now", lambda _: NOW)
    own = trained.copied_to(tmp_path)
    shipped = own.with_settings(FLYWHEEL_MODELS_DIR=str(MODELS))
    shipped.materialize(FIRST, *MADE)
    with shipped.flywheel() as flywheel:
        against = objections(compare_bundles(flywheel, candidate(own), flywheel.models), 1.0)

    assert any("cannot be compared with the truth: the holdout has no column impressions, page" in o for o in against)
    assert any(o.startswith(f"what would change in {FIRST} is unknown: no column 'impressions'") for o in against)
