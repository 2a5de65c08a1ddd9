"""The system "engagement" as Dagster sees it. Its assets are in `assets.py` and `score_assets.py`."""

from flywheel_assets.orchestration.system import System

SYSTEM = System("engagement")
