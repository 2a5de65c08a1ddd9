"""The parts of the interval report's page. The page itself is `reporting.interval_report`."""
