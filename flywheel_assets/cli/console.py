"""What the command line prints: tables whose numbers line up, the run of a history, the explanation of a user."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from flywheel_assets.ingest.dry_run import EventsDryRun
from flywheel_assets.landing.dry_run import DryRun
from flywheel_assets.orchestration.runs import CheckLine
from flywheel_assets.tables.labels import probability_column, share_column


def terminal() -> Console:
    """Where the tables are printed: as wide as the terminal, or 120 columns in a file or a pipe."""
    return Console(width=None if sys.stdout.isatty() else 120)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> Table:
    """A table; a column whose values are numbers or missing is aligned right."""
    values = [list(row) for row in rows]
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for i, name in enumerate(columns):
        numeric = bool(values) and all(isinstance(row[i], int | float | None) for row in values)
        made.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in values:
        made.add_row(*(Text(cell(value)) for value in row))
    return made


def cell(value: object) -> str:
    """``12,345``, ``0.123``, ``-`` for nothing, yes or no, or the text."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def run_report(
    columns: Sequence[str], lines: Iterable[Sequence[object]], checks: Iterable[CheckLine]
) -> RenderableType:
    """One line per interval, then every check that did not pass, once, with how many intervals it did not pass in."""
    failing = failing_checks(checks)
    parts: list[RenderableType] = [table(columns, lines)]
    if failing:
        title = "Checks that did not pass, with their latest summary"
        parts += [Text(), table(("", "check", "intervals", "latest summary"), failing, title)]
    return Group(*parts)


def failing_checks(checks: Iterable[CheckLine]) -> list[tuple[str, str, int, str]]:
    """Checks that failed or warned: (state, table.check, how many intervals, the latest summary with its interval).
    Failed ones first, then the most frequent. ``checks`` come oldest first."""
    found: defaultdict[tuple[str, str], list[CheckLine]] = defaultdict(list)
    for line in checks:
        if line.state != "passed":
            found[line.state, f"{line.table}.{line.check}"].append(line)
    lines = [(state, name, len(of), f"{of[-1].interval}: {of[-1].summary}") for (state, name), of in found.items()]
    return sorted(lines, key=lambda line: (line[0] != "failed", -line[2], line[1]))


def changes_report(notes: Sequence[Mapping[str, Any]]) -> RenderableType:
    """What re-runs of an interval changed, newest first, then the pairs of labels of each table's newest re-run."""
    columns = ("when (UTC)", "table", "added", "removed", "relabelled", "because")
    lines = [(f"{n['changed_at']:%Y-%m-%d %H:%M:%S}", *(n[c] for c in ("table_name", *columns[2:]))) for n in notes]
    parts: list[RenderableType] = [table(columns, lines)]
    for newest in {note["table_name"]: note for note in reversed(notes)}.values():
        if newest["pairs"]:
            pairs = [(p["from_label"], p["to_label"], p["count"]) for p in newest["pairs"]]
            heading = f"Relabelled by the last re-run of {newest['table_name']}"
            parts += [Text(), Text(heading, style="bold"), table(("from", "to", "count"), pairs)]
    return Group(*parts)


def dry_run_report(
    found: DryRun, columns: Sequence[tuple[str, str, str]], intervals: Sequence[tuple[str, int]]
) -> RenderableType:
    """What landing would make of a file: its columns (name, type, our name), rows by interval and by reason."""
    parts: list[RenderableType] = [table(("column", "type", "read as"), columns, "Columns"), Text()]
    if not found.file.problem:
        parts += [table(("interval", "rows"), intervals, "Rows by interval"), Text()]
    if found.quarantined:
        parts += [table(("reason", "rows"), list(found.quarantined.items()), "Would be quarantined"), Text()]
    if found.days:
        parts += [Text(f"first session {found.days[0]}, last session {found.days[1]}")]
    if found.repeated:
        parts += [Text(f"{found.repeated:,} repeated rows: the last row of each session would be kept")]
    parts += [Text(advice, style="yellow") for advice in found.advice]
    can = "can land: it has every column that is needed"
    return Group(*parts, Text(found.objection or can, style="red" if found.objection else "green"))


def events_report(found: EventsDryRun, intervals: Sequence[tuple[str, int]]) -> RenderableType:
    """What would become of a file of events: its events by name, by interval, and the rows that are none by reason."""
    if found.file.problem:
        return Text(found.objection, style="red")
    names = [(one.name or "(no name)", one.events, one.read_as) for one in found.names]
    parts: list[RenderableType] = [table(("event", "events", "read as"), names, "Events by name"), Text()]
    if intervals:
        parts += [table(("interval", "events"), intervals, "Events by interval"), Text()]
    if found.file.strays:
        parts += [table(("reason", "rows"), list(found.file.strays.items()), "Would be set aside"), Text()]
    if found.first and found.last:
        times = f"from {found.first:%Y-%m-%d %H:%M:%S} to {found.last:%Y-%m-%d %H:%M:%S} (UTC)"
        parts += [Text(f"{found.users:,} users, {times}")]
    parts += [
        Text(
            f"{found.events:,} events in intervals, {found.copies:,} of them copies that are left out, make "
            f"{found.sessions:,} sessions"
        )
    ]
    warnings = [
        (
            found.bots,
            "users are active for over 24 hours without a pause, probably bots: their sessions end at midnight",
        ),
        (found.merged, "sessions hold several native sessions that began in one second"),
        (found.future, "events are later than now: their clocks are probably wrong"),
    ]
    parts += [Text(f"{count:,} {what}", style="yellow") for count, what in warnings if count]
    parts += [Text(advice, style="yellow") for advice in found.advice]
    return Group(*parts, Text(found.objection or "can land", style="red" if found.objection else "green"))


def explanation_report(
    heading: str,
    sessions: Sequence[Mapping[str, Any]],
    distribution: Mapping[str, Any],
    label: Mapping[str, Any],
    features: Sequence[str],
    session_order: Sequence[str],
    user_order: Sequence[str],
) -> RenderableType:
    """How a user came to the label: sessions with label, probabilities and features; the shares; the label with the
    probability of each. Labels stand worst to best."""
    session_columns = ("start (UTC)", "label", *session_order, "features that are not 0")
    session_rows = [
        (
            f"{row['timestamp_utc']:%Y-%m-%d %H:%M}",
            row["session_quality_label"],
            *(float(row[probability_column(name)]) for name in session_order),
            ", ".join(f"{f} {row[f]:g}" for f in features if row[f]),
        )
        for row in sessions
    ]
    shares = [(name, float(distribution[share_column(name)])) for name in session_order]
    probabilities = [(name, float(label[probability_column(name)])) for name in user_order]
    return Group(
        Text(heading, style="bold"),
        Text(),
        table(session_columns, session_rows, "Sessions, with the probability of each label"),
        Text(),
        table(("session label", "share of sessions"), shares, "Mix of session labels, all that the user model sees"),
        Text(),
        table(("flywheel label", "probability"), probabilities, f"Flywheel label: {label['user_flywheel_label']}"),
    )
