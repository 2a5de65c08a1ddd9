"""Sessions with a wrong clock: alone in an interval far before or after all others, where they would make decades."""

from collections.abc import Mapping

MOST_SHARE = 0.001
"""Of all sessions. More than this is a business that paused, and not a clock."""


def isolated_ends(sessions: Mapping[int, int]) -> list[int]:
    """The numbers of the intervals that probably hold nothing but clock errors, ascending.

    ``sessions``: per number of an interval. Such an interval is the first or the last with sessions, has fewer than
    0.1 % of all, and at least one interval without sessions lies between it and the next. Where two ends are so, the
    rule applies again to what is left."""
    numbers = sorted(number for number, count in sessions.items() if count)
    few = MOST_SHARE * sum(sessions.values())
    isolated: list[int] = []
    while len(numbers) > 1:
        if numbers[1] - numbers[0] > 1 and sessions[numbers[0]] < few:
            isolated.append(numbers.pop(0))
        elif numbers[-1] - numbers[-2] > 1 and sessions[numbers[-1]] < few:
            isolated.append(numbers.pop())
        else:
            break
    return sorted(isolated)
