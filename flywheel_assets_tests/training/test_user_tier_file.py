"""`user_cluster_labels.toml`, which people edit: what is proposed can be read, what is wrong is named."""

import pytest

from flywheel_assets.errors import LabelError
from flywheel_assets.training.user_tier_file import UserCluster, UserTiers, user_tiers_in, user_tiers_text

ORDERS = ("Low", 'so "so"', "High"), ("Passive", "Exploring", "Engaged")
TIERS = UserTiers({"Low": 0.0, 'so "so"': 0.5, "High": 1.0}, 1.0, {"Passive": 0.0, "Engaged": 0.42})
REASONS = {"Passive": "70 users", "Engaged": "30 users"}
TEXT = user_tiers_text(TIERS, REASONS, ["Engaged users have less"], ORDERS, "100 users", "people")

MIXES = """
sessions_labelled_by = "people"
[clusters.1]
label = "Passive"
mix = { "Low" = 0.9, 'so "so"' = 0.1, "High" = 0 }
[clusters.2]
label = "Engaged"
mix = { "Low" = 0.25, 'so "so"' = 0, "High" = 0.75 }
"""
"""As an earlier version proposed them."""


def read(text: str) -> UserTiers | list[UserCluster]:
    return user_tiers_in(text, "u.toml", ORDERS, "people")


def test_tiers_are_read_as_they_were_made_with_a_reason_above_each_and_what_to_look_at() -> None:
    assert read(TEXT) == TIERS
    assert TEXT.endswith('[least_worths]\n# 70 users\n"Passive" = 0\n# 30 users\n"Engaged" = 0.42\n')
    assert "# Proposed from 100 users: " in TEXT
    assert "# Look at this: Engaged users have less.\n" in TEXT


def test_the_mixes_of_an_earlier_version_are_still_read() -> None:
    assert read(MIXES) == [
        UserCluster(1, "Passive", {"Low": 0.9, 'so "so"': 0.1, "High": 0}),
        UserCluster(2, "Engaged", {"Low": 0.25, 'so "so"': 0, "High": 0.75}),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TEXT.replace('"Engaged" =', '"Fan" ='), "u.toml has the label Fan; expected one of Passive, Exploring"),
        (TEXT.replace('"Low" =', '"Meagre" ='), r"u.toml: \[worths\] lacks Low and has Meagre; the session labels are"),
        (TEXT.replace("0.42", '"0.42 or so"'), "added_sessions and the tables .worths. and .least_worths., all of"),
        (TEXT.replace("added_sessions", "added"), "u.toml needs added_sessions and"),
        (TEXT.replace("added_sessions = 1", "added_sessions = -1"), "added_sessions is -1; expected 0 or more"),
        (TEXT.replace("= 0.5", "= 1.5"), r"\[worths\] is 0, 1.5, 1 from the worst label to the best; expected numbers"),
        (TEXT.replace('"Low" = 0', '"Low" = -1'), r"\[worths\] is -1, 0.5, 1 from the worst"),
        (TEXT.replace('"Passive" = 0', '"Passive" = 0.5'), r"\[least_worths\] is 0.5, 0.42 from the worst"),
        (TEXT.replace("= 0.42", "= nan"), r"\[least_worths\] is 0, nan from the worst"),
        ("", "u.toml needs added_sessions and"),
        ("[", "u.toml is not TOML"),
        (TEXT.replace('"people"', '"segments v1"'), "for sessions labelled by segments v1; they are now .* people"),
        (MIXES.replace('"people"', '"segments v1"'), "for sessions labelled by segments v1; they are now .* people"),
        (MIXES.replace('"Engaged"', '"Fan"'), "u.toml has the label Fan; expected one of Passive, Exploring"),
        (MIXES.replace('"Low" =', '"Meagre" ='), "mix of cluster 1 lacks Low and has Meagre; the session labels are"),
        (MIXES.replace("mix", "shares"), "no tables .clusters.1."),
        (MIXES.replace("[clusters.1]", "[clusters.one]"), "no tables .clusters.1."),
    ],
)
def test_what_does_not_fit_is_named(text: str, says: str) -> None:
    with pytest.raises(LabelError, match=says):
        read(text)
