"""Everything that Dagster sees: partitions, resources, assets by group, checks, jobs, the driver of
`flywheel run`."""
