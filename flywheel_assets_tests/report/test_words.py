"""What changed and why, in two sentences."""

from collections import Counter
from dataclasses import replace

from flywheel_assets.report import trust_words, words
from flywheel_assets.report.page.content import Report
from flywheel_assets.sessions.trimmed_sessions import Ledger
from flywheel_assets.tables.verdict import Finding
from flywheel_assets_tests.reports import FOUR, report_of


def many(label: str, first: int, last: int) -> dict[str, str]:
    return {f"u{i}": label for i in range(first, last)}


def test_the_first_sentence_accounts_for_everybody() -> None:
    assert words.what_changed(report_of(*FOUR)) == (
        "4 users were active, 1 more than before (+33.3%): 2 stayed, 1 is new and 1 came back after an absence, "
        "while 1 left."
    )


def test_what_nobody_did_is_not_said() -> None:
    assert words.what_changed(report_of({"ann": "Passive"}, {"ann": "Passive"})) == (
        "1 user was active, as many as in the interval before: 1 stayed, while nobody left."
    )


def test_the_first_interval_has_nothing_to_compare_with() -> None:
    report = report_of(FOUR[0])
    assert words.what_changed(report) == "4 users were active in this first interval, all of them new by definition."
    assert words.why(report) == "There is no earlier mix of labels to compare with."


def test_an_interval_without_anybody_says_so() -> None:
    report = report_of(FOUR[0], {})
    assert words.what_changed(report) == (
        "Nobody was active in this interval; the 4 users of the interval before did not come back."
    )
    assert words.why(report) == ""


def test_after_an_interval_without_anybody_all_come_back() -> None:
    assert words.what_changed(report_of(FOUR[0], {}, {"ann": "Passive"})) == (
        "1 user was active, after an interval without anybody: 1 came back after an absence."
    )


def test_a_change_that_chance_gives_is_told_as_that() -> None:
    assert words.why(report_of(*FOUR)) == (
        "The mix of labels is as it was: the largest change, Engaged by +50.0 points, is no more than chance gives."
    )


def test_the_second_sentence_names_the_label_that_changed_most_and_through_whom() -> None:
    before = many("Passive", 0, 300) | many("Engaged", 300, 600)
    moved = many("Passive", 0, 200) | many("Engaged", 200, 600)
    assert words.why(report_of(before, moved)) == (
        "Passive shrank from 50.0% to 33.3% of users, because fewer of those who stayed have it now (−16.7 points)."
    )
    came = before | many("Engaged", 600, 900)
    assert words.why(report_of(before, came)) == (
        "Passive shrank from 50.0% to 33.3% of users, because fewer of those who came have it than of those who stayed "
        "(−16.7 points)."
    )
    left = many("Passive", 0, 300) | many("Engaged", 300, 400)
    assert words.why(report_of(before, left)) == (
        "Passive grew from 50.0% to 75.0% of users, because fewer of those who left had it than of those who stayed "
        "(+25.0 points)."
    )


def test_who_pulled_the_other_way_is_named_too() -> None:
    before = many("Passive", 0, 300) | many("Engaged", 300, 600)
    now = many("Passive", 0, 100) | many("Engaged", 100, 600) | many("Passive", 600, 700)
    assert words.why(report_of(before, now)) == (
        "Passive shrank from 50.0% to 28.6% of users, because fewer of those who stayed have it now (−33.3 points); "
        "those who came pulled the other way (+11.9)."
    )


def relabelled(same: dict[str, str], now: dict[str, str], **said: object) -> Report:
    """600 users, half of them Passive, whom the models of before would label ``same``, and new ones label ``now``."""
    before = many("Passive", 0, 300) | many("Engaged", 300, 600)
    triples = Counter((before[user], same[user], now[user]) for user in now)
    names = ("From_Label", "Same_Model_Label", "To_Label", "User_Count")
    causes = [dict(zip(names, (*labels, users), strict=True)) for labels, users in triples.items()]
    versions = {1: {"session": ("s1",), "user": ("u1",)}, 2: {"session": ("s2",), "user": ("u1",)}}
    return replace(report_of(before, now), **{"versions": versions, "causes": causes, **said})  # type: ignore[arg-type]


def test_across_a_change_of_models_users_are_told_apart_from_what_the_new_ones_say() -> None:
    same = many("Passive", 0, 310) | many("Engaged", 310, 600)
    now = many("Passive", 0, 450) | many("Engaged", 450, 600)
    report = relabelled(same, now)
    assert words.models_changed(report) == "The session model changed between the two intervals."
    assert words.why(report) == (
        "By the models of before, the mix of labels is as it was: the largest change, Passive by +1.7 points, is no "
        "more than chance gives. The new models alone move Passive from 51.7% to 75.0% (+23.3 points)."
    )
    assert words.why(relabelled(now, now)) == (
        "By the models of before, Passive grew from 50.0% to 75.0% of users, because more of those who stayed have it "
        "now (+25.0 points). The new models give these users the same mix of labels."
    )
    assert "which other models labelled" in words.compared_with(report)
    assert "the new models' doing" in words.moves_sentence(report)


def test_where_no_table_tells_users_from_models_no_cause_is_given() -> None:
    now = many("Passive", 0, 450) | many("Engaged", 450, 600)
    missing = {"transition_causes": "it has not been made: flywheel report"}
    assert words.why(relabelled(now, now, causes=(), missing=missing)) == (
        "As labelled, Passive went from 50.0% to 75.0% of users, but what users did cannot be told apart from what the "
        "new models say: transition_causes: it has not been made: flywheel report."
    )


def test_by_the_same_models_nothing_is_said_of_models() -> None:
    assert words.models_changed(report_of(*FOUR)) == ""
    assert "models" not in words.why(report_of(*FOUR)) + words.moves_sentence(report_of(*FOUR))


def test_moves_are_told_by_their_direction() -> None:
    assert words.moves_sentence(report_of(*FOUR[:2])) == (
        "Of 3 users seen in both intervals, 66.7% kept their label, 33.3% moved up and 0.0% moved down."
    )


def drift(state: str, **numbers: object) -> Finding:
    return Finding("user_labels", "drift_from_previous", state, "what the check said", numbers)  # type: ignore[arg-type]


def test_drift_is_told_with_its_numbers() -> None:
    say = trust_words.drift_sentence
    assert say(drift("passed", psi=0.02, noise_limit=0.05, band="stable")) == (
        "Stable: PSI 0.020, under 0.10; chance alone gives up to 0.050 with so many."
    )
    assert say(drift("passed", psi=0.3, noise_limit=0.5, band="major")) == (
        "Not more than noise: PSI 0.300 would be major, but chance alone gives up to 0.500 with so few."
    )
    assert say(drift("warned", psi=0.2, noise_limit=0.1, band="moderate")) == (
        "Moderate drift: PSI 0.200, between 0.10 and 0.25, and chance alone gives up to 0.100."
    )
    assert say(drift("passed")) == "No verdict: what the check said."


def test_drift_in_short_names_the_worst() -> None:
    report = report_of(*FOUR)
    assert trust_words.drift_in_short(report) == (
        "User labels differ from the training data by a PSI of 0.500: take what this page says of labels with care."
    )
    assert trust_words.drift_in_short(replace(report, findings=())) == "There is no verdict on drift in this interval."


def test_features_that_drifted_come_the_furthest_first() -> None:
    details = [
        {"feature": "leads", "psi": 0.2, "noise_limit": 0.1, "band": "moderate"},
        {"feature": "pageviews", "psi": 2.0, "noise_limit": 0.1, "band": "major"},
        {"feature": "shares", "psi": 0.2, "noise_limit": 0.4, "band": "moderate"},
    ]
    finding = Finding("session_predictions", "feature_drift", "warned", "", {}, details)
    assert trust_words.feature_drift_sentence(finding) == (
        "2 of 3 features drifted: pageviews (PSI 2.000, major) and leads (PSI 0.200, moderate)."
    )


def test_checks_and_trimming_are_counted() -> None:
    assert trust_words.checks_sentence(report_of(*FOUR)) == "Of 2 checks 1 failed; the others passed."
    small = Ledger(5, 0, 0, True, (), {})
    assert trust_words.trimming_sentence(small) == (
        "None: with 5 sessions the interval is too small to trim, or trimming is off."
    )
