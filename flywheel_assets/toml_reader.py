"""Reading a TOML file that a person writes: values of the expected form, or an error that names file, line and key."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flywheel_assets.errors import FlywheelError

_HEADER = re.compile(r"\[\[?[^\[\]]+\]\]?\s*(#|$)")


class TomlReader:
    """``text`` is what ``path`` has or is to have; ``error_class`` the class of every error. Raises it for text that is
    not TOML."""

    def __init__(self, text: str, path: Path, error_class: type[FlywheelError]) -> None:
        self.path, self.lines, self.error_class = path, text.splitlines(), error_class
        try:
            self.content: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            twice = re.match(r"Cannot declare \('(\w+)', '([^']+)'\) twice \(at (line \d+)", str(error))
            if twice:
                raise error_class(f"{path}, {twice[3]}: two {twice[1]} are named {twice[2]}; rename one") from None
            raise error_class(f"{path} is not TOML: {error}") from None

    def table(self, name: str) -> dict[str, Any]:
        """A table of the file, empty where it has none."""
        return self.as_table(self.content.get(name, {}), f"[{name}]")

    def as_table(self, value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.error(where.strip("[]").split(".")[-1], f"{where} is {value!r}; expected a table")
        return value

    def text(self, table: Mapping[str, Any], name: str, where: str) -> str:
        value = table[name]
        if not isinstance(value, str) or not value:
            raise self.error(name, f"{where} has {name} = {value!r}; expected a text", where)
        return value

    def names(self, value: Any, where: str) -> tuple[str, ...]:
        """One text or several."""
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            section, key = where.split()[0], where.split()[-1]
            raise self.error(key, f"{where} is {value!r}; expected a text, or a list of texts", section)
        return tuple(names)

    def number(self, table: Mapping[str, Any], name: str, where: str) -> float:
        """A finite number; true and false are none."""
        value = table[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
            raise self.error(name, f"{where} has {name} = {value!r}; expected a number", where)
        return float(value)

    def only(self, table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
        for name in table:
            if name not in known:
                raise self.error(name, f"{where} has {name!r}; expected {either(known)}", where)

    def error(self, key: str, message: str, where: str = "") -> FlywheelError:
        """The error, with the line on which the key stands, if it does: between the header ``where``, as in
        ``[rules.demo_requests]``, and the next, if there is one, else anywhere; that of the header where it stands
        nowhere. Words behind a header name a key that holds the table, as in ``[rules.country] values``."""
        last, (section, _, inner) = key.split(".")[-1], where.partition("] ")
        form = rf"^\s*(?:\[\s*{re.escape(key)}\s*\]|\"?{re.escape(last)}\"?\s*=)"
        unquoted = [re.sub("[\"']", "", line.strip()) for line in self.lines]
        headers = (f"{section}.{inner}]", f"{section}]") if inner else (where,) if where else ()
        begins = tuple(re.sub("[\"']", "", one) for one in headers)
        header = next((n for one in begins for n, line in enumerate(unquoted, 1) if line.startswith(one)), 0)
        later = (n for n, line in enumerate(unquoted[header:], header) if _HEADER.match(line))
        end = next(later, len(unquoted)) if header else len(unquoted)
        for one in (form, rf"^\s*{re.escape(inner)}\s*=") if inner else (form,):
            for at in range(header, end):
                if re.search(one, self.lines[at]):
                    return self.error_class(f"{self.path}, line {at + 1}: {message}")
        return self.error_class(f"{self.path}{f', line {header}' if header else ''}: {message}")


def read_text(path: Path, error_class: type[FlywheelError], way_out: str) -> str:
    """The text of a file in UTF-8. Raises ``error_class`` where it cannot be read, with ``way_out``."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise error_class(f"{path} cannot be read: {error.strerror}; {way_out}") from None
    except UnicodeDecodeError as error:
        raise error_class(f"{path} is not TOML: {error}") from None


def either(names: Iterable[str]) -> str:
    """Names as alternatives, in words."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
