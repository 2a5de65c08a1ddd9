"""`flywheel labels`: a person reviews the labels of sessions. Imports stand inside, as in `cli`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import pandas as pd

    from flywheel_assets.sessions.reviewed_labels import Answer

MOST_ID_CHARACTERS = 40
"""Of a session id, in a line; a longer one goes on in the next."""


@click.group()
def labels() -> None:
    """Review the labels of sessions."""


@labels.command()
@click.option("--interval", "key", metavar="KEY", help="Show its sessions  [default: the last one with labels]")
@click.option("--sessions", "most", type=click.IntRange(1), default=10, show_default=True, help="How many per label.")
def review(key: str | None, most: int) -> None:
    """Show some sessions of each label side by side and ask whether the label is right. Each answer is kept at once,
    for the next training, in reviewed.parquet in the labels folder.

    Answers may come from a file or a pipe too, one per line."""
    from rich.text import Text

    from flywheel_assets.cli.console import table, terminal
    from flywheel_assets.flywheel import Flywheel
    from flywheel_assets.report.numbers import plural
    from flywheel_assets.sessions.label_review import sessions_to_review, telling_features
    from flywheel_assets.sessions.reviewed_labels import Answer, ReviewedLabels
    from flywheel_assets.sessions.session_model import SESSION_MODEL
    from flywheel_assets.settings import Settings
    from flywheel_assets.training.labels import order_of_tiers
    from flywheel_assets.training.own_labels import OwnLabels

    with Flywheel.open(Settings.read()) as flywheel:
        answers, own = ReviewedLabels(flywheel.settings.labels_dir), OwnLabels(flywheel.settings.labels_dir).sessions()
        earlier = answers.read()
        labelled = {one for given in (own, earlier) if given is not None for one in given["session_id"]}
        found = sessions_to_review(flywheel, flywheel.interval(key) if key else None, most, labelled)
        order, features = order_of_tiers(flywheel, SESSION_MODEL), flywheel.models["session"].features
    if found.empty:
        click.echo("there is no session to review: all have a label of your own")
        return
    console, given = terminal(), list[Answer]()

    def keep(new: "Sequence[Answer]") -> None:
        answers.add(new)
        given.extend(new)

    telling = telling_features(found, features)
    shown = _fitting(found, telling, console.width)
    by_label = {str(label): rows for label, rows in found.groupby("session_quality_label", sort=False)}
    medians = [(name, *(_number(rows[name].median()) for rows in by_label.values())) for name in shown]
    console.print(table(("feature", *by_label), medians, "Medians of the sessions below"))
    if len(shown) < len(telling):
        console.print(
            f"{len(telling) - len(shown)} of {len(telling)} features are not shown; a wider window shows more"
        )
    try:
        for label, rows in by_label.items():
            console.print(Text(), _sessions(rows, shown, label))
            _ask(label, rows, order, keep)
    except (click.Abort, KeyboardInterrupt, EOFError):
        click.echo()
    if not given:
        click.echo("no answer was given")
        return
    kept = sum(answer.rejected is None for answer in given)
    click.echo(f"{plural(len(given), 'session')} reviewed, of which {kept} kept their label: {answers.path}")
    click.echo("next: flywheel labels review, for other sessions | flywheel models train")


def _ask(label: str, rows: "pd.DataFrame", order: Sequence[str], keep: "Callable[[Sequence[Answer]], None]") -> None:
    """The answers for the sessions of a label, kept one by one. Raises click.Abort at the end of the answers."""
    from flywheel_assets.sessions.reviewed_labels import Answer

    numbers = ", ".join(f"{n} {name}" for n, name in enumerate(order, start=1))
    expected = f"y for yes, n for no, or the right label: {numbers}"
    click.echo(f"Is each of them {label}? Enter skips one, a says yes to all that are left, q ends. Else")
    click.echo(f"  {expected}")
    ids = [str(one) for one in rows["session_id"]]
    for place, session_id in enumerate(ids):
        answer = ""
        while True:
            answer = click.prompt(f"session {place + 1}", default="", show_default=False).strip()
            right = right_label(answer, label, order)
            if right is not None or answer.lower() in ("", "n", "no", "a", "q"):
                break
            click.echo(f"{answer!r} is no answer; expected {expected}")
        if answer.lower() == "q" and right is None:
            raise click.Abort
        if answer.lower() == "a" and right is None:
            keep([Answer.of(one, label, label) for one in ids[place:]])
            return
        if answer:
            keep([Answer.of(session_id, label, right)])


def right_label(answer: str, shown: str, order: Sequence[str]) -> str | None:
    """The label that an answer gives: by its name in any case, ``y`` or ``yes`` for the one ``shown``, or its number in
    the ``order`` from 1. None for any other answer."""
    names = {name.lower(): name for name in order}
    if answer.lower() in names:
        return names[answer.lower()]
    if answer.lower() in ("y", "yes"):
        return shown
    return order[int(answer) - 1] if answer.isdecimal() and 0 < int(answer) <= len(order) else None


def _sessions(rows: "pd.DataFrame", features: Sequence[str], label: str) -> object:
    from flywheel_assets.cli.console import table

    columns = ("", "start (UTC)", "probability", *features, "session")
    lines = [
        (
            place,
            f"{row['timestamp_utc']:%Y-%m-%d %H:%M}",
            float(row["probability"]),
            *(_number(row[name]) for name in features),
            row["session_id"],
        )
        for place, row in enumerate(rows.to_dict("records"), start=1)
    ]
    return table(columns, lines, label)


def _fitting(rows: "pd.DataFrame", features: Sequence[str], width: int) -> list[str]:
    """The features that fit into lines of that many characters, the first ones before others; at least one."""
    from flywheel_assets.cli.console import cell

    used = 2 + 18 + 13 + 2 + min(MOST_ID_CHARACTERS, int(rows["session_id"].str.len().max()))
    fitting: list[str] = []
    for name in features:
        needed = 2 + max(len(name), *(len(cell(_number(value))) for value in rows[name]))
        if used + needed <= width or not fitting:
            fitting.append(name)
            used += needed
    return fitting


def _number(value: float) -> int | float | None:
    """As it is shown: whole where it is whole, None for none."""
    if value is None or value != value:  # NaN
        return None
    return int(value) if value == int(value) else float(value)
