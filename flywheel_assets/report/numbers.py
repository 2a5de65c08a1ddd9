"""Numbers, dates and names as a reader of the report sees them. A missing value is a dash."""

from datetime import date

from flywheel_assets.intervals import Interval

MINUS, DASH = "−", "–"
NOTHING = "–"


def count(value: float | None) -> str:
    """``12,345``."""
    return NOTHING if value is None else _minus(f"{value:,.0f}")


def percent(value: float | None) -> str:
    """A share of 1 as ``13.4%``; one that is not 0 never shows as 0."""
    if value is None:
        return NOTHING
    return "<0.1%" if 0 < value < 0.0005 else f"{value:.1%}"


def ratio(value: float | None) -> str:
    """``1.23``."""
    return NOTHING if value is None else _minus(f"{value:,.2f}")


def decimal(value: float | None) -> str:
    """``0.012``, for a PSI."""
    return NOTHING if value is None else _minus(f"{value:,.3f}")


def signed_count(value: float | None) -> str:
    """``+1,234``, ``−12``, ``0``."""
    return NOTHING if value is None else _signed(value, f"{abs(value):,.0f}")


def signed_percent(value: float | None) -> str:
    """``+1.4%``."""
    return NOTHING if value is None else _signed(value, f"{abs(value):.1%}")


def signed_points(value: float | None) -> str:
    """A difference of two shares in percentage points, ``+1.2``."""
    return NOTHING if value is None else _signed(value, f"{abs(value) * 100:.1f}")


def signed_ratio(value: float | None) -> str:
    """``+0.12``."""
    return NOTHING if value is None else _signed(value, f"{abs(value):,.2f}")


def compact(value: float | None) -> str:
    """At most five characters, for a feature's threshold: ``12.5``, ``1,204``."""
    if value is None:
        return NOTHING
    return _minus(f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.4g}")


def days(interval: Interval) -> str:
    """``2 – 15 November 2026``, with month and year where they differ."""
    first, last = interval.first_day, interval.last_day
    if first.year != last.year:
        return f"{day(first)} {first.year} {DASH} {day(last)} {last.year}"
    begins = str(first.day) if first.month == last.month else day(first)
    return f"{begins} {DASH} {day(last)} {last.year}"


def day(value: date) -> str:
    """``2 November``."""
    return f"{value.day} {value:%B}"


def short_day(value: date) -> str:
    """``2 Nov``."""
    return f"{value.day} {value:%b}"


def plural(value: float, noun: str, several: str | None = None) -> str:
    """``1 user``, ``12 users``."""
    return f"{count(value)} {noun if value == 1 else several or noun + 's'}"


def listed(names: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def words(name: str) -> str:
    """The name of a rule, kind or column as words: ``pricing_visits`` is Pricing visits."""
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]


def _signed(value: float, size: str) -> str:
    if not any(digit in size for digit in "123456789"):
        return size
    return f"{'+' if value > 0 else MINUS}{size}"


def _minus(written: str) -> str:
    return written.replace("-", MINUS)
