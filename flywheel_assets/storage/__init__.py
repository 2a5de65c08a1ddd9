"""Where tables live: engines, the warehouse, the landing folder and its index. No Dagster."""
