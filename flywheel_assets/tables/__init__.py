"""What a table is: its contract, what it was made from, what a check concludes, drift and significance. Pure: it
knows no system, file, engine or Dagster."""
