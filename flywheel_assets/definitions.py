"""The code location: settings are read here, once, and the graph is put together. Nothing else belongs here."""

from flywheel_assets.orchestration.assembly import definitions
from flywheel_assets.settings import Settings

settings = Settings.read()
defs = definitions(settings)
