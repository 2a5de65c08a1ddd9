"""Tables and verdicts in, text and pages out. No Dagster."""
