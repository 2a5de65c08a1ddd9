"""Flywheel: user engagement, interval by interval, as a Dagster asset graph.

One folder per system: ``landing``, ``sessions``, ``users``, ``history``, ``segments``, ``training``, ``registry``,
``report``, ``simulation``. In each, a table is one module of its name, and ``assets.py`` has its asset. They share
``tables`` (what a table is), ``warehouse`` (files and engines) and ``orchestration`` (what belongs to Dagster and to no
system); ``definitions`` and ``cli`` put them together. Imports go one way, as
``flywheel_assets_tests/test_architecture.py`` says and holds.
"""
