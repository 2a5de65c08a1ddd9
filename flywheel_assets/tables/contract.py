"""The contract of every table of the spine: grain, what it is made from, columns with dtype and meaning.

A column's name may hold a placeholder, `<feature>`, `<session label>` or `<user label>`, and then stands for one column
each; `*` stands for whatever else was landed. :func:`expand` fills them in for the models in use.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flywheel_assets.tables.labels import snake_case


@dataclass(frozen=True)
class Column:
    """``dtype`` as Ibis prints it, or ``any``."""

    name: str
    dtype: str
    description: str


@dataclass(frozen=True)
class Table:
    """``sources`` are the tables it is made from, in the same interval but for ``previous`` ones, of the interval
    before, and ``earlier`` ones, of every interval from the first with data to the one before."""

    name: str
    grain: str
    description: str
    sources: tuple[str, ...]
    columns: tuple[Column, ...]
    previous: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()


SESSION_ID = Column("session_id", "string", "The session; its last run of digits is the Unix time of its start.")
USER_ID = Column("user_id", "string", "The user.")
FEATURE = Column("<feature>", "float64", "A feature of the session model, as landed.")
OTHERS = Column("*", "any", "Every other landed column, as it is.")
UNIX = Column("timestamp_unix", "int64", "Start of the session, seconds since 1970-01-01 UTC.")
UTC = Column("timestamp_utc", "timestamp('UTC')", "Start of the session.")
SESSION_LABEL = Column("session_quality_label", "string", "The most probable label of the session.")
SESSION_PROBABILITY = Column("probability_<session label>", "float32", "The session model's probability, 0 to 1.")
SESSION_VERSION = Column("session_model_version", "string", "The session model that gave label and probabilities.")
SESSIONS = Column("sessions", "int32", "The user's sessions in the interval, after trimming.")
SHARE = Column("share_<session label>", "float64", "Share of the user's sessions with this label; they sum to 1.")
USER_LABEL = Column("user_flywheel_label", "string", "The most probable label of the user in this interval.")
USER_PROBABILITY = Column("probability_<user label>", "float32", "The user model's probability, 0 to 1.")
USER_VERSION = Column("user_model_version", "string", "The user model that gave label and probabilities.")
INTERVAL = Column("Interval", "int32", "The interval's number, from 1.")
INTERVAL_DATES = Column("Interval_Dates", "string", "The interval's first and last day, as in 2024-01-15 - 2024-01-28.")

LANDED = (SESSION_ID, USER_ID, FEATURE, OTHERS, UNIX, UTC)

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        Table(
            "landed_sessions",
            "session",
            "The sessions of the interval as they landed: valid rows, one a session_id. Invalid rows go to quarantine.",
            ("landing",),
            LANDED,
        ),
        Table(
            "trimmed_sessions",
            "session",
            "The landed sessions less the outliers: those above the trimming quantile of any feature.",
            ("landed_sessions",),
            LANDED,
        ),
        Table(
            "session_predictions",
            "session",
            "Each trimmed session with its quality label and the model's probabilities.",
            ("trimmed_sessions",),
            (*LANDED, SESSION_LABEL, SESSION_PROBABILITY, SESSION_VERSION),
        ),
        Table(
            "user_distributions",
            "user",
            "The mix of session labels of each user: all that the user model sees.",
            ("session_predictions",),
            (USER_ID, SESSIONS, SHARE),
        ),
        Table(
            "user_labels",
            "user",
            "Each user's flywheel label and the model's probabilities.",
            ("user_distributions",),
            (USER_ID, SESSIONS, USER_LABEL, USER_PROBABILITY, USER_VERSION),
        ),
        Table(
            "enriched_export",
            "session",
            "One file an interval for the dashboard: each session with its label, its user's label and readable times.",
            ("session_predictions", "user_labels"),
            (
                SESSION_ID,
                USER_ID,
                FEATURE,
                OTHERS,
                SESSION_LABEL,
                USER_LABEL,
                SESSION_PROBABILITY,
                USER_PROBABILITY,
                SESSION_VERSION,
                USER_VERSION,
                UNIX,
                UTC,
                Column(
                    "timestamp_mst", "timestamp", "Wall clock of the reporting timezone at the start, without a zone."
                ),
                INTERVAL,
                INTERVAL_DATES,
            ),
        ),
        Table(
            "label_transitions",
            "label pair",
            "How many users went from which label in the previous interval to which in this one.",
            ("user_labels",),
            (
                Column("From_Label", "string", "Label in the previous interval; Absent for a user who had none."),
                Column("To_Label", "string", "Label in this interval; Absent for a user who has none."),
                Column("User_Count", "int64", "Users who made this move, at least 1."),
                Column("From_Interval", "int32", "Number of the previous interval; null at the first with data."),
                INTERVAL,
                INTERVAL_DATES,
            ),
            previous=("user_labels",),
        ),
    )
}

QUARANTINE_REASON = "reason"

PARTITION = "interval_start"
"""What the folders of a table are called, and so a column to every engine that reads them hive style."""


def expand(
    columns: Iterable[Column],
    features: Sequence[str],
    session_labels: Sequence[str],
    flywheel_labels: Sequence[str],
    others: Iterable[Column] = (),
) -> list[Column]:
    """The columns with every placeholder filled in, in their order."""
    fillings: dict[str, Sequence[str]] = {
        "<feature>": features,
        "<session label>": [snake_case(label) for label in session_labels],
        "<user label>": [snake_case(label) for label in flywheel_labels],
    }
    expanded: list[Column] = []
    for column in columns:
        if column.name == "*":
            expanded.extend(others)
            continue
        found = next((p for p in fillings if p in column.name), None)
        names = [column.name] if found is None else [column.name.replace(found, f) for f in fillings[found]]
        expanded.extend(Column(name, column.dtype, column.description) for name in names)
    return expanded


def reserved_names(session_labels: Sequence[str], flywheel_labels: Sequence[str]) -> list[str]:
    """Column names that are ours: a landed column may not have one, in whatever case."""
    ours = {c.name: c for t in TABLES.values() for c in t.columns if c not in (SESSION_ID, USER_ID, FEATURE, OTHERS)}
    return [c.name for c in expand(ours.values(), (), session_labels, flywheel_labels)] + [QUARANTINE_REASON, PARTITION]
