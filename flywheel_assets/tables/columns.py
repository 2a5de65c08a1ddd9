"""Columns that tables of several systems have."""

from flywheel_assets.tables.contract import Column

SESSION_ID = Column("session_id", "string", "The session; ends in the Unix time of its start, or a column holds that.")
USER_ID = Column("user_id", "string", "The user.")
FEATURE = Column("<feature>", "float64", "A feature of the session, as landed.")
OTHERS = Column("*", "any", "Every other landed column, as it is.")
UNIX = Column("timestamp_unix", "int64", "Start of the session, seconds since 1970-01-01 UTC.")
UTC = Column("timestamp_utc", "timestamp('UTC')", "Start of the session.")
INTERVAL = Column("Interval", "int32", "The interval's number, from 1.")
INTERVAL_DATES = Column("Interval_Dates", "string", "The interval's first and last day, as in 2024-01-15 - 2024-01-28.")
FIRST_DAY = Column("First_Day", "date", "The interval's first day.")
WHEN = (FIRST_DAY, INTERVAL, INTERVAL_DATES)

LANDED = (SESSION_ID, USER_ID, FEATURE, OTHERS, UNIX, UTC)
"""What landed_sessions has, and every table of sessions that is made from it."""
