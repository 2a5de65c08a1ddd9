"""Every error that a caller may want to handle, one class per kind. Each message says what was found, where, what was
expected and what to do next; the command line prints it unchanged, without a traceback."""

from collections.abc import Sequence
from difflib import get_close_matches


class FlywheelError(Exception):
    """The base of all of them."""


class SettingsError(FlywheelError):
    """A FLYWHEEL_* setting has a value that cannot be used."""


class LandingError(FlywheelError):
    """The landing folder, or a file in it, cannot be used."""


class EventsError(FlywheelError):
    """The folder of events, a file in it, or the mapping that says what they hold, cannot be used."""


class ArtefactError(FlywheelError):
    """A model artefact is missing, altered, or does not fit the others."""


class PromotionError(FlywheelError):
    """Something speaks against making a candidate the champion."""


class NotMaterializedError(FlywheelError):
    """A table of an interval is needed and has not been made."""


class EngineError(FlywheelError):
    """The engine cannot be started or lacks what it needs."""


class LabelError(FlywheelError):
    """Labels to train on are missing, contradict each other, or do not fit their order or the segments."""


class TrainingError(FlywheelError):
    """Labelled rows cannot be learnt from, or what was learnt cannot be kept."""


class UnknownUserError(FlywheelError):
    """The requested user is not in the interval."""


class SegmentsError(FlywheelError):
    """Segments cannot be fitted to the present sessions, or are needed and have not been fitted."""


class IntentError(FlywheelError):
    """The rules of the intent score, or the definition of an experiment, cannot be used."""


class ConversionError(FlywheelError):
    """What a conversion is, or the data set of sessions, cannot be used."""


class EngagementError(FlywheelError):
    """What engagement is, or the interactions that it is learnt from, cannot be used."""


class ReportError(FlywheelError):
    """The page of a report cannot be written or shown."""


def nearest(name: str, candidates: Sequence[str]) -> str:
    """`` (nearest: 'leads')``, the candidate most like a name; empty when none is."""
    lower = {candidate.lower(): candidate for candidate in candidates}
    found = get_close_matches(name.lower(), list(lower), 1)
    return f" (nearest: {lower[found[0]]!r})" if found else ""
