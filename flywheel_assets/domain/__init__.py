"""What the numbers mean: pure functions from Ibis expressions and small arrays to the same. No Dagster, no input or
output, no engine, no clock. One module a table, named as the table is, and one a concept."""
