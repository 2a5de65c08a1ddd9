"""Dagster parts that belong to no single system: partitions, resources, jobs, sensors, checks, metadata, home, runs."""
