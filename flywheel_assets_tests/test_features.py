"""`features.toml`: what it states, and what is wrong with one that cannot be used."""

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flywheel_assets.errors import SettingsError
from flywheel_assets.features import KINDS, SHIPPED, Feature, features_text, model_features, read_features
from flywheel_assets.registry.bundle import ModelBundle
from flywheel_assets.sessions.session_model import SESSION_ORDER
from flywheel_assets.simulation.world import FEATURES, WORLD
from flywheel_assets.users.user_model import USER_ORDER
from flywheel_assets_tests.projects import MODELS

NAMES = st.from_regex(r"\A[a-zA-Zäß_0-9]([a-zA-Zäß_0-9 -]{0,8}[a-zA-Z_0-9])?\Z")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "features.toml"


def test_without_the_file_nothing_is_stated(path: Path) -> None:
    assert read_features(path) is None


def test_features_stand_in_the_order_of_the_file_with_what_it_says_of_them(path: Path) -> None:
    path.write_text(
        '[features.pageviews]\nkind = "count"\nunit = "pages"\ndescription = "pages seen"\n'
        '[features.basket]\nkind = "amount"\n'
    )
    assert read_features(path) == (Feature("pageviews", "count", "pages", "pages seen"), Feature("basket", "amount"))


def test_only_an_amount_may_be_negative() -> None:
    assert {kind: Feature("n", kind).least for kind in KINDS} == {
        "count": 0.0,
        "amount": -math.inf,
        "share": 0.0,
        "duration": 0.0,
    }


def test_a_meaning_has_whatever_somebody_said() -> None:
    assert Feature("n", "amount", "EUR", "value of the basket").meaning == "value of the basket (amount, EUR)"
    assert [Feature("n", "count").meaning, Feature("n", "", "", "pages").meaning, Feature("n").meaning] == [
        "count",
        "pages",
        "",
    ]
    assert Feature("n", "amount", "EUR", "value of the basket").measured == "value of the basket, EUR"


@given(
    st.lists(
        st.builds(Feature, NAMES, st.sampled_from(KINDS), st.text(max_size=9), st.text(max_size=9)),
        min_size=1,
        unique_by=lambda one: one.name.lower(),
    )
)
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, features: list[Feature]) -> None:
    path = tmp_path_factory.mktemp("features") / "features.toml"
    path.write_text(features_text(features, [f"# {i}" for i in range(len(features))], "seen"), encoding="utf-8")

    taken = [one for one in features if one.name.lower() in ("cluster", "converted", "distance", "part")]
    if not taken:
        assert read_features(path) == tuple(features)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[features.a", "is not TOML: Expected ']' at the end of a table declaration (at end of document)"),
        ("", "has no table [features.NAME]; expected a table [features.NAME] per feature and nothing else"),
        ('[feature.a]\nkind = "count"', "has feature; expected a table [features.NAME]"),
        ("[features]", "states no feature; expected one or more"),
        ('[features]\na = "count"', ", features.a: it is 'count'; expected a table with kind"),
        ("[features.a]\n", ", line 1, features.a: there is no kind; expected count, amount, share or duration"),
        (
            '[features.b]\nkind = "count"\n\n[features.a]\nkind = "number"',
            ", line 4, features.a: kind is 'number'; expected count, amount, share or duration",
        ),
        (
            '[features.a]\nkind = "count"\nunits = "EUR"',
            ", line 1, features.a: unknown key units; expected kind, unit, description",
        ),
        ('[features.a]\nkind = "count"\nunit = 3', ", line 1, features.a: unit is 3; expected a text in quotes"),
        ('[features.a.b]\nkind = "count"', "features.a: unknown key b"),
        ('[features.User_Id]\nkind = "count"', ", features.User_Id: user_id is a column of ours"),
        ('[features.cluster]\nkind = "count"', ", features.cluster: cluster is a column of ours"),
        (
            '[features.cart]\nkind = "count"\n[features."Cart"]\nkind = "count"',
            ", line 3, features.Cart: 'cart' differs in case only; rename or delete one",
        ),
        ('[features."a,b"]\nkind = "count"', ", line 1, features.a,b: no column can have this name"),
        ('[features."<label>"]\nkind = "count"', "no column can have this name"),
        ('[features.""]\nkind = "count"', "no column can have this name"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_says_where_and_what(path: Path, text: str, wrong: str) -> None:
    path.write_text(text)
    with pytest.raises(SettingsError, match=re.escape(str(path))) as error:
        read_features(path, ["user_id"])
    assert wrong in str(error.value)


def test_a_file_that_is_not_utf8_is_named(path: Path) -> None:
    path.write_bytes("[features.größe]".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"features.toml is not TOML: 'utf-8' codec"):
        read_features(path)


def test_the_preset_is_that_of_the_shipped_models() -> None:
    session = ModelBundle.open(MODELS)["session"]

    assert tuple(one.name for one in SHIPPED) == session.features == FEATURES
    assert model_features(session.features, session.minimums) == SHIPPED
    assert (WORLD.session_labels, WORLD.user_labels) == (SESSION_ORDER, USER_ORDER)


def test_a_feature_of_a_model_is_an_amount_where_it_was_negative_in_training() -> None:
    assert model_features(("pageviews", "refunds", "other"), (1.0, -3.5, 0.0)) == (
        SHIPPED[1],
        Feature("refunds", "amount"),
        Feature("other"),
    )
