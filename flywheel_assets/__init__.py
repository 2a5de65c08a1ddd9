"""Flywheel: user engagement, interval by interval, as a Dagster asset graph.

Imports go one way: ``domain <- {learning, storage, reporting} <- defs <- definitions``; ``errors`` and ``settings``
stand beside the domain. ``flywheel_assets_tests/test_architecture.py`` holds it.
"""
