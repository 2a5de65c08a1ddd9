"""Flywheel: user engagement, interval by interval, as a Dagster asset graph.

Imports go one way: a folder may import only what ``MAY_USE`` in ``flywheel_assets_tests/test_architecture.py`` lists.
"""
