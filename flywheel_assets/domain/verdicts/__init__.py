"""What the checks conclude. A module a table: the figures to gather in one scan of it, as Ibis aggregates, and pure
functions from those figures to verdicts. Running the scan and telling Dagster is `defs`."""
