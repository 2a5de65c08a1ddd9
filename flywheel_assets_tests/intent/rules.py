"""Rules of an intent score for tests: the first ones that are proposed, and small ones."""

from collections.abc import Sequence
from pathlib import Path

from flywheel_assets.ingest.mapping_file import read_mapping
from flywheel_assets.intent.rules import Group, IntentRules, Rule
from flywheel_assets.intent.rules_file import rules_in
from flywheel_assets.intent.rules_text import rules_text
from flywheel_assets.intent.user_features import numeric_features
from flywheel_assets.simulation.events import MAPPING

KINDS = tuple(read_mapping(MAPPING, None).kinds)
"""Those of the sample."""

FILE = Path("intent_rules.toml")


def read(text: str, kinds: Sequence[str] = KINDS, traits: Sequence[str] = ("country",)) -> IntentRules:
    return rules_in(text, FILE, kinds, numeric_features(list(kinds)), traits)


def proposed() -> IntentRules:
    return read(rules_text(KINDS))


def few(*rules: Rule, cap: float = 100.0, floor: float = 0.0) -> IntentRules:
    """Rules of one group, with two tiers."""
    return IntentRules(rules, (Group("all", cap, floor),), (("High", 50.0), ("Low", 1.0)), "purchases")
