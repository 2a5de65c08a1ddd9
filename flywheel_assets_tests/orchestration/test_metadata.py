"""The numbers that materializations plot."""

import math

import pytest

from flywheel_assets.orchestration.metadata import label_numbers, readable, records


def test_every_label_has_its_share() -> None:
    assert label_numbers({"Passive": 3, "Very Engaged": 1}, None) == {
        "share_passive": 0.75,
        "share_very_engaged": 0.25,
    }


def test_nothing_labelled_gives_shares_of_zero_and_no_drift() -> None:
    assert label_numbers({"Passive": 0, "Engaged": 0}, {"Passive": 1, "Engaged": 1}) == {
        "share_passive": 0.0,
        "share_engaged": 0.0,
    }


def test_psi_is_against_the_baseline_label_by_label_in_whatever_order() -> None:
    """(3/4 - 1/4) ln 3 for either label."""
    numbers = label_numbers({"Passive": 30, "Engaged": 10}, {"Engaged": 30, "Passive": 10})

    assert numbers["psi_from_baseline"] == pytest.approx(math.log(3))


def test_rows_become_a_table_and_none_no_entry() -> None:
    assert [record.data for record in records("moves", [{"users": 3}])["moves"].records] == [{"users": 3}]
    assert records("moves", []) == {}


def test_fractions_are_for_a_person_and_counts_and_words_as_they_are() -> None:
    numbers = {"psi": 0.10867250329839277, "noise_limit": 3.650155e-6, "threshold": 1234.56789, "rows": 61105}

    assert readable({**numbers, "band": "moderate"}) == {
        "psi": 0.1087,
        "noise_limit": 3.65e-6,
        "threshold": 1234.5679,
        "rows": 61105,
        "band": "moderate",
    }
