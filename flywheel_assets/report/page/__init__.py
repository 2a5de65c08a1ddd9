"""The parts of the interval report's page. The page itself is `report.interval_report`."""
