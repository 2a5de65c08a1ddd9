from dataclasses import replace

import pytest

from flywheel_assets.tables.generation import Generation, digest

MADE = Generation("user_labels", {"user_distributions": "d1"}, {"user model": "v1", "quantile": "0.999"})


def test_the_same_inputs_give_the_same_digest_in_whatever_order() -> None:
    again = Generation("user_labels", {"user_distributions": "d1"}, {"quantile": "0.999", "user model": "v1"})
    assert again.digest == MADE.digest
    assert len(MADE.digest) == 16
    assert int(MADE.digest, 16) >= 0


@pytest.mark.parametrize(
    "other",
    [
        Generation("session_predictions", MADE.sources, MADE.parameters),
        Generation("user_labels", {"user_distributions": "d2"}, MADE.parameters),
        Generation("user_labels", {"landing": "d1"}, MADE.parameters),
        Generation("user_labels", {}, MADE.parameters),
        Generation("user_labels", MADE.sources, {**MADE.parameters, "user model": "v2"}),
        Generation("user_labels", MADE.sources, {"user model": "v1"}),
        Generation("user_labels", MADE.sources, {**MADE.parameters, "timezone": "UTC"}),
        Generation("user_labels", MADE.sources, MADE.parameters, 2),
    ],
)
def test_any_change_changes_the_digest(other: Generation) -> None:
    assert other.digest != MADE.digest


@pytest.mark.parametrize("code_version", [1, 2])
def test_a_generation_survives_json(code_version: int) -> None:
    made = replace(MADE, code_version=code_version)
    assert Generation.from_json(made.to_json()) == made


def test_a_table_made_before_rules_had_versions_is_of_version_1_and_keeps_its_digest() -> None:
    stored = '{"parameters": {"user model": "v1"}, "sources": {"user_distributions": "d1"}, "table": "user_labels"}'
    made = Generation("user_labels", {"user_distributions": "d1"}, {"user model": "v1"}, code_version=1)
    assert (Generation.from_json(stored), made.digest) == (made, digest(stored))


def test_another_version_of_the_rule_is_a_reason_in_a_sentence() -> None:
    because = "version 1 of its rule made it, and the rule is now version 2"
    assert MADE.stale_because(replace(MADE, code_version=2)) == because


def test_a_generation_that_is_wanted_as_it_is_is_not_stale() -> None:
    assert MADE.stale_because(Generation.from_json(MADE.to_json())) == ""


def test_the_reasons_name_every_source_that_changed_and_every_parameter_from_what_to_what() -> None:
    wanted = Generation("user_labels", {"user_distributions": "d2"}, {"user model": "v2", "timezone": "UTC"})
    assert MADE.stale_because(wanted) == (
        "user_distributions changed; quantile was 0.999, is unset; timezone was unset, is UTC; user model was v1, is v2"
    )


@pytest.mark.parametrize(
    ("was", "now", "because"),
    [
        ("leads, shares", "leads, shares, items", "features: items added"),
        ("leads, shares, items", "shares", "features: leads, items removed"),
        ("leads, shares", "items, shares, users", "features: items, users in place of leads"),
        ("leads, shares", "shares, leads", "features was leads, shares, is shares, leads"),
    ],
)
def test_of_a_parameter_that_is_a_list_only_the_difference_is_said(was: str, now: str, because: str) -> None:
    made, wanted = (Generation("t", {}, {"features": value}) for value in (was, now))
    assert made.stale_because(wanted) == because


def test_a_source_that_came_or_went_changed() -> None:
    wanted = Generation("user_labels", {"landing": "f1"}, MADE.parameters)
    assert MADE.stale_because(wanted) == "landing changed; user_distributions changed"


def test_a_source_that_is_still_what_it_was_made_from_would_change_and_has_not() -> None:
    made = Generation("t", {"one": "1", "two": "2", "three": "3"}, {})
    present = Generation("t", {"one": "1", "two": "other", "three": "3"}, {})
    wanted = Generation("t", {"one": "new", "two": "new", "three": "3"}, {})
    assert made.stale_because(wanted, present) == "one would change; two changed"


def test_a_digest_is_the_beginning_of_the_texts_sha_256() -> None:
    assert digest("") == "e3b0c44298fc1c14"
