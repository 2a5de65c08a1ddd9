"""The page's tables: plain ones whose numbers line up, and the transitions with their sums as a shaded square."""

from collections.abc import Mapping, Sequence

from flywheel_assets.report.page.html import Html, element, joined
from flywheel_assets.report.page.numbers import count, percent
from flywheel_assets.tables.labels import ABSENT

DARK_FROM = 0.795
"""The share from which a cell is so dark that its text is light: where black and white are read equally well on it."""


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str | Html]], texts: int = 1) -> Html:
    """A table in a box that scrolls by itself. The first ``texts`` columns are text, the first of them names the row;
    the others are numbers, written out and aligned right."""
    head = [element("th", name, scope="col", class_=None if i < texts else "number") for i, name in enumerate(columns)]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", cell, class_="number" if i >= texts else None) for i, cell in enumerate(row) if i),
        )
        for row in rows
    ]
    return scrolling(
        caption,
        element(
            "table",
            element("caption", element("span", caption)),
            element("thead", element("tr", *head)),
            element("tbody", *body),
        ),
    )


def scrolling(name: str, inside: Html) -> Html:
    """A box that scrolls sideways when what is inside is wider, also by keyboard."""
    return element("div", inside, class_="scroll", role="region", aria_label=name, tabindex="0")


def folded(summary: str, *inside: Html) -> Html:
    """What is closed until asked for; on paper it is open."""
    return element("details", element("summary", summary), *inside)


def transition_square(
    caption: str, order: Sequence[str], users: Mapping[tuple[str, str], int], before: str, now: str
) -> Html:
    """Transitions as a square: a row a label of before, a column a label of now, best first, Absent last, with the sum
    of each. A cell is the darker, the larger its share of its row."""
    labels = [*reversed(order), ABSENT]
    rows = [label for label in labels if any(users.get((label, to), 0) for to in labels)]
    columns = [label for label in labels if any(users.get((origin, label), 0) for origin in labels)]
    head = [element("th", f"{before} ↓ · {now} →", scope="col", class_="corner")]
    head += [element("th", label, scope="col", class_="number") for label in columns]
    head.append(element("th", "Sum", scope="col", class_="number sum"))
    body = []
    for origin in rows:
        whole = sum(users.get((origin, to), 0) for to in labels)
        cells = [_shaded(users.get((origin, to), 0), whole) for to in columns]
        body.append(
            element("tr", element("th", origin, scope="row"), *cells, element("td", count(whole), class_="number sum"))
        )
    sums = [sum(users.get((origin, to), 0) for origin in labels) for to in columns]
    # Who was absent before and now is nobody's business; who came is no user of before, who left no user of now.
    foot = element(
        "tr",
        element("th", "Sum", scope="row"),
        *(element("td", count(value), class_="number sum") for value in sums),
        element("td", count(sum(sums)), class_="number sum"),
    )
    return scrolling(
        caption,
        element(
            "table",
            element("caption", element("span", caption)),
            element("thead", element("tr", *head)),
            element("tbody", *body),
            element("tfoot", foot),
            class_="square",
        ),
    )


def bar(value: float | None, largest: float, written: str, colour: str) -> Html:
    """A number with a bar from the middle, to the right when it is positive, in the colour of a CSS variable."""
    size = 0.0 if value is None or not largest else min(abs(value) / largest, 1.0)
    side = "up" if (value or 0) > 0 else "down"
    stroke = element(
        "span", class_=f"stroke {side}", style=f"--size:{size:.3f};--shade:var({colour})", aria_hidden="true"
    )
    return joined(element("span", stroke, class_="bar", aria_hidden="true"), written)


def _shaded(users: int, whole: int) -> Html:
    if not users:
        return element("td", "·", class_="number none")
    share = users / whole
    classes = "number shaded" + (" dark" if share >= DARK_FROM else "")
    inside = joined(count(users), element("small", percent(share)))
    return element("td", inside, class_=classes, style=f"--share:{share:.3f}")
