"""The grid of a warehouse: where its intervals begin and how long they are. One warehouse holds one grid, since tables
of two would count sessions twice, and nothing in a folder's name would tell."""

import json
from pathlib import Path

from flywheel_assets.errors import SettingsError
from flywheel_assets.intervals import Calendar
from flywheel_assets.warehouse.files import write_whole

_FILE = "grid.json"


def hold_to_grid(warehouse: Path, calendar: Calendar) -> None:
    """Write the calendar's grid into a warehouse that has none. Raises SettingsError when it has another.

    A first interval that lies whole intervals earlier or later is of the same grid: it only changes the numbers."""
    path = warehouse / _FILE
    grid = {
        "weeks": calendar.weeks,
        "timezone": calendar.timezone,
        "day": calendar.first_day.toordinal() % calendar.days,
    }
    if not path.is_file():
        made_with = {"made_with_first_interval": calendar.first_day.isoformat()}
        write_whole(path, (json.dumps({**grid, **made_with}) + "\n").encode())
        return
    found = json.loads(path.read_text())
    if any(found[name] != value for name, value in grid.items()):
        raise SettingsError(
            f"{warehouse} holds intervals of {found['weeks']} weeks from {found['made_with_first_interval']}, "
            f"{found['timezone']}; the settings ask for {calendar.weeks} weeks from {calendar.first_day}, "
            f"{calendar.timezone}: set FLYWHEEL_WAREHOUSE_DIR to another folder, or restore the interval settings"
        )
