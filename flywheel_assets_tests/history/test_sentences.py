"""What changed and why, in two sentences."""

from collections import Counter
from dataclasses import replace

from flywheel_assets.history import sentences, shift_sentences, trust_sentences
from flywheel_assets.history.report_content import Report
from flywheel_assets.sessions.trimmed_sessions import Ledger
from flywheel_assets.tables.verdict import Finding
from flywheel_assets_tests.reports import FEW, FOUR, report_of


def many(label: str, first: int, last: int) -> dict[str, str]:
    return {f"u{i}": label for i in range(first, last)}


def test_the_first_sentence_accounts_for_everybody() -> None:
    assert sentences.what_changed(report_of(*FOUR)) == (
        "120 users were active, 30 more than in the previous interval (+33.3%): 60 stayed, 30 are new and 30 came back "
        "after an absence, while 30 left."
    )


def test_what_nobody_did_is_not_said() -> None:
    everybody = many("Passive", 0, 30)
    assert sentences.what_changed(report_of(everybody, everybody)) == (
        "30 users were active, as many as in the previous interval: 30 stayed, while nobody left."
    )


def test_the_first_interval_has_nothing_to_compare_with() -> None:
    report = report_of(FOUR[0])
    assert (
        sentences.what_changed(report) == "120 users were active in this first interval, all of them new by definition."
    )
    assert shift_sentences.why(report) == "There is no earlier mix of labels to compare with."


def test_an_interval_without_anybody_says_so() -> None:
    report = report_of(FOUR[0], {})
    assert sentences.what_changed(report) == (
        "Nobody was active in this interval; the 120 users of the previous interval did not come back."
    )
    assert shift_sentences.why(report) == ""


def test_after_an_interval_without_anybody_all_come_back() -> None:
    assert sentences.what_changed(report_of(FOUR[0], {}, many("Passive", 0, 30))) == (
        "30 users were active, after an interval with no users: 30 are new."
    )
    assert sentences.what_changed(report_of(FOUR[0], {}, FOUR[0])) == (
        "120 users were active, after an interval with no users: 120 came back after an absence."
    )


def test_a_change_that_chance_gives_is_told_as_that() -> None:
    before, now = many("Passive", 0, 30) | many("Engaged", 30, 60), many("Passive", 0, 24) | many("Engaged", 24, 60)
    assert shift_sentences.why(report_of(before, now)) == (
        "The mix of labels did not change beyond chance: the largest change is −10.0 points, for Passive."
    )


def test_the_second_sentence_names_the_label_that_changed_most_and_through_whom() -> None:
    before = many("Passive", 0, 300) | many("Engaged", 300, 600)
    moved = many("Passive", 0, 200) | many("Engaged", 200, 600)
    assert shift_sentences.why(report_of(before, moved)) == (
        "Passive shrank from 50.0% to 33.3% of users, because fewer of the users who stayed have this label now (−16.7 "
        "points)."
    )
    came = before | many("Engaged", 600, 900)
    assert shift_sentences.why(report_of(before, came)) == (
        "Passive shrank from 50.0% to 33.3% of users, because users who came have this label less often than users who "
        "stayed (−16.7 points)."
    )
    left = many("Passive", 0, 300) | many("Engaged", 300, 400)
    assert shift_sentences.why(report_of(before, left)) == (
        "Passive grew from 50.0% to 75.0% of users, because users who left had this label less often than users who "
        "stayed (+25.0 points)."
    )


def test_who_pulled_the_other_way_is_named_too() -> None:
    before = many("Passive", 0, 300) | many("Engaged", 300, 600)
    now = many("Passive", 0, 100) | many("Engaged", 100, 600) | many("Passive", 600, 700)
    assert shift_sentences.why(report_of(before, now)) == (
        "Passive shrank from 50.0% to 28.6% of users, because fewer of the users who stayed have this label now (−33.3 "
        "points); "
        "users who came pulled the other way (+11.9 points)."
    )


def test_no_sentence_about_a_change_rests_on_fewer_than_30_users() -> None:
    few = report_of(*FEW)
    assert sentences.what_changed(few) == (
        "4 users were active, 1 more than in the previous interval: too few users to say more."
    )
    assert shift_sentences.why(few) == (
        "Too few users to say why the mix of labels changed: under 30 in one of the two intervals."
    )
    assert sentences.moves_sentence(few) == "2 users were active in both intervals: too few to say how users move."
    grown = report_of(many("Passive", 0, 29), many("Passive", 0, 500))
    assert sentences.what_changed(grown) == (
        "500 users were active, 471 more than in the previous interval: too few users to say more."
    )


def test_a_part_of_a_change_that_rests_on_fewer_than_30_users_is_no_reason() -> None:
    before = many("Passive", 0, 300) | many("Engaged", 300, 600)
    stayed = many("Engaged", 271, 300)
    assert shift_sentences.why(report_of(before, stayed | many("Engaged", 600, 900))) == (
        "Passive shrank from 50.0% to 0.0% of users; too few users stayed to say why."
    )
    left = many("Passive", 0, 300) | many("Engaged", 300, 325)
    now = many("Passive", 0, 200) | many("Engaged", 200, 300)
    assert "because fewer of the users who stayed" in shift_sentences.why(report_of(left, now))
    assert "pulled the other way" not in shift_sentences.why(report_of(left, now)), "25 users left"


CUT = "sessions on 3 of its 14 days"


def test_from_an_incomplete_interval_no_sentence_concludes_anything() -> None:
    said = "This interval is incomplete, so nothing is concluded from its numbers."
    report = report_of(*FOUR, incomplete={4: CUT})
    assert sentences.what_changed(report) == f"120 users were active. {said}"
    assert shift_sentences.why(report) == sentences.compared_with(report) == ""
    growth = report.growth_now
    assert growth is not None
    assert sentences.growth_sentence(report, growth) == sentences.moves_sentence(report) == said
    assert sentences.mix_sentence(report, "users") == trust_sentences.drift_in_short(report) == said


def test_a_change_since_an_incomplete_interval_is_none() -> None:
    said = "The previous interval is incomplete, so nothing is concluded from a change since then."
    report = report_of(*FOUR, incomplete={3: CUT})
    assert sentences.what_changed(report) == f"120 users were active. {said}"
    assert shift_sentences.why(report) == sentences.compared_with(report) == ""
    assert sentences.moves_sentence(report) == said
    assert "is the most common label" in sentences.mix_sentence(report, "users"), "this one is complete"
    assert sentences.not_compared(report_of(*FOUR, incomplete={2: CUT})) == ""


def test_a_probable_change_of_ids_is_told_as_the_check_tells_it() -> None:
    finding = Finding("label_transitions", "retention_break", "warned", "user ids probably changed: only 2.9% stayed")
    assert sentences.ids_changed(report_of(*FOUR, findings=[finding])) == (
        "User ids probably changed: only 2.9% stayed."
    )
    assert sentences.ids_changed(report_of(*FOUR, findings=[replace(finding, state="passed")])) == ""


def relabelled(same: dict[str, str], now: dict[str, str], **said: object) -> Report:
    """600 users, half of them Passive, whom the previous models would label ``same``, and the new ones label "
    "``now``."""
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
    assert sentences.models_changed(report) == "The session model changed since the previous interval."
    assert shift_sentences.why(report) == (
        "Under the previous models, the mix of labels did not change beyond chance: the largest change is +1.7 points, "
        "for Passive. The new models alone move Passive from 51.7% to 75.0% (+23.3 points)."
    )
    assert shift_sentences.why(relabelled(now, now)) == (
        "Under the previous models, Passive grew from 50.0% to 75.0% of users, because more of the users who stayed "
        "have "
        "this label now (+25.0 points). The new models give these users the same mix of labels."
    )
    assert "whose labels come from other models" in sentences.compared_with(report)
    assert "come from the new models" in sentences.moves_sentence(report)


def test_where_no_table_tells_users_from_models_no_cause_is_given() -> None:
    now = many("Passive", 0, 450) | many("Engaged", 450, 600)
    missing = {"transition_causes": "it has not been made: flywheel report"}
    assert shift_sentences.why(relabelled(now, now, causes=(), missing=missing)) == (
        "As labelled, Passive went from 50.0% to 75.0% of users. How much of that comes from the users and how much "
        "from the new models is not known: transition_causes: it has not been made: flywheel report."
    )


def test_by_the_same_models_nothing_is_said_of_models() -> None:
    assert sentences.models_changed(report_of(*FOUR)) == ""
    assert "models" not in shift_sentences.why(report_of(*FOUR)) + sentences.moves_sentence(report_of(*FOUR))


def test_moves_are_told_by_their_direction() -> None:
    assert sentences.moves_sentence(report_of(*FOUR[:2])) == (
        "Of 90 users active in both intervals, 66.7% kept their label, 33.3% moved up and 0.0% moved down."
    )


def drift(state: str, **numbers: object) -> Finding:
    return Finding("user_labels", "drift_from_previous", state, "what the check said", numbers)  # type: ignore[arg-type]


def test_drift_is_told_with_its_numbers() -> None:
    say = trust_sentences.drift_sentence
    assert say(drift("passed", psi=0.02, noise_limit=0.05, band="stable")) == (
        "Stable: a PSI of 0.020 is under 0.10. Chance alone gives up to 0.050."
    )
    assert say(drift("passed", psi=0.3, noise_limit=0.5, band="major")) == (
        "No more than noise: a PSI of 0.300 would be major, but here chance alone gives up to 0.500."
    )
    assert say(drift("warned", psi=0.2, noise_limit=0.1, band="moderate")) == (
        "Moderate drift: a PSI of 0.200 is between 0.10 and 0.25. Chance alone gives up to 0.100."
    )
    assert say(drift("passed")) == "No verdict: what the check said."


def test_drift_in_short_names_the_worst() -> None:
    report = report_of(*FOUR)
    assert trust_sentences.drift_in_short(report) == (
        "User labels differ from the training data by a PSI of 0.500: read what this page says about labels with care."
    )
    assert (
        trust_sentences.drift_in_short(replace(report, findings=())) == "There is no verdict on drift in this interval."
    )


def test_features_that_drifted_come_the_furthest_first() -> None:
    details = [
        {"feature": "leads", "psi": 0.2, "noise_limit": 0.1, "band": "moderate"},
        {"feature": "pageviews", "psi": 2.0, "noise_limit": 0.1, "band": "major"},
        {"feature": "shares", "psi": 0.2, "noise_limit": 0.4, "band": "moderate"},
    ]
    finding = Finding("session_predictions", "feature_drift", "warned", "", {}, details)
    assert trust_sentences.feature_drift_sentence(finding) == (
        "2 of 3 features drifted: pageviews (PSI 2.000, major) and leads (PSI 0.200, moderate)."
    )


def test_checks_and_trimming_are_counted() -> None:
    assert trust_sentences.checks_sentence(report_of(*FOUR)) == "Of 2 checks, 1 failed; the others passed."
    small = Ledger(5, 0, 0, True, (), {})
    assert trust_sentences.trimming_sentence(small) == (
        "No session was removed: with 5 sessions the interval is too small to trim, or trimming is off."
    )
