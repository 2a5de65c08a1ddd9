"""Engagement by interactions as assets: interactions and engagement_dataset, one file each."""

from flywheel_assets.engagement.system import SYSTEM

__all__ = ["SYSTEM"]
