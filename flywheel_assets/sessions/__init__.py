"""Sessions of an interval: trimmed_sessions and session_predictions, and what a re-run changed."""
