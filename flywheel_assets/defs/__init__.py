"""Everything that Dagster sees: partitions, resources, assets by group, checks, jobs, and the driver of `flywheel run`."""
