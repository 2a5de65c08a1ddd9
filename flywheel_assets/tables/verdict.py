"""A verdict: what one check found, in words and numbers, and how bad it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["ERROR", "WARN"]
State = Literal["passed", "warned", "failed"]
Number = int | float | str


@dataclass(frozen=True)
class Check:
    """A check as it is declared: ``blocking`` ones stop what is downstream in the same run when they fail.
    ``of_sources``: it compares the table with sources of two intervals, one of which another run may be replacing."""

    name: str
    description: str
    blocking: bool = False
    of_sources: bool = False


@dataclass(frozen=True)
class Verdict:
    """``summary`` is one sentence for a person; ``numbers`` and the rows of ``table`` are what it rests on."""

    check: str
    passed: bool
    summary: str
    severity: Severity = "ERROR"
    numbers: Mapping[str, Number] = field(default_factory=dict)
    table: Sequence[Mapping[str, Number]] = ()

    @property
    def state(self) -> State:
        return "passed" if self.passed else "warned" if self.severity == "WARN" else "failed"


@dataclass(frozen=True)
class Finding:
    """What a check of a table found in an interval; the rest is as in a verdict."""

    table: str
    check: str
    state: State
    summary: str
    numbers: Mapping[str, Number] = field(default_factory=dict)
    details: Sequence[Mapping[str, Any]] = ()


def none_of(check: str, what: str, count: int, of: int) -> Verdict:
    """Passes when ``count`` is 0. ``what`` completes "3 of 1,000 ..."."""
    return Verdict(check, count == 0, f"{count:,} of {of:,} {what}", numbers={"failing_rows": count, "rows": of})


def all_usable(check: str, files: str, used: int, rows: str, problems: Sequence[str]) -> Verdict:
    """Warns of ``files`` that are set aside or have rows of no interval, one sentence each; ``used`` of them have
    ``rows`` of the interval, as in "all files", 3 and "events"."""
    return Verdict(
        check,
        not problems,
        "; ".join(problems) or f"{files} can be used, {used:,} of them have {rows} of this interval",
        "WARN",
        {"files_used": used, "files_with_problems": len(problems)},
    )


def same_count(check: str, found: int, expected: int, what: str) -> Verdict:
    """Passes when both counts are equal. ``what`` names what is counted, as in "sessions here and there"."""
    summary = f"{found:,} and {expected:,} {what}"
    return Verdict(check, found == expected, summary, numbers={"found": found, "expected": expected})


def share(part: float, whole: float) -> float:
    """part / whole, and 0 of nothing is 0."""
    return part / whole if whole else 0.0
