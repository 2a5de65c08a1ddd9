"""Sessions from a team's raw events: the mapping that says what an event holds, and event_sessions, made by it."""
