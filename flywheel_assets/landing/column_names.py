"""A team's own column names: `columns.toml` says what they call what we call otherwise.

[columns]
visit = "session_id"      # theirs = ours
"Page Views" = "pageviews"
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path

from flywheel_assets.errors import SettingsError, nearest


def column_names(path: Path, ours: Sequence[str]) -> dict[str, str]:
    """As :func:`stated_names`. ``ours``: the columns that a landed file must have. Raises SettingsError for a name that
    is not one of ours, and for two columns with one name too."""
    names = stated_names(path)
    for theirs, name in names.items():
        if name not in ours:
            raise SettingsError(
                f"{path} maps {theirs!r} to {name!r}, which is not one of our columns{nearest(name, ours)}; "
                f"there are: {', '.join(ours)}"
            )
    repeated = sorted({name for name in names.values() if list(names.values()).count(name) > 1})
    if repeated:
        raise SettingsError(f"{path} maps two columns to {', '.join(map(repr, repeated))}; expected one")
    return names


def stated_names(path: Path) -> dict[str, str]:
    """Maps their names to ours, as in `columns.toml`; empty without that file. Raises SettingsError for a file of
    another form."""
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None
    names = table.get("columns")
    if not isinstance(names, dict) or set(table) != {"columns"} or not all(isinstance(v, str) for v in names.values()):
        raise SettingsError(f'{path} needs one table, [columns], of lines like visit = "session_id" (theirs = ours)')
    return names
