"""What is Dagster's and no system's: partitions, resources, jobs, sensors, checks, metadata, home, status, runs."""
