"""HTML that cannot be broken by what is in it: every string is escaped but for what was made here."""

import html
import json
from typing import Any


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | Html | None


def element(tag: str, /, *children: Child, **attributes: str | int | bool | None) -> Html:
    """An element. Children that are not :class:`Html` are escaped, None is left out. Attributes: ``class_`` is class,
    ``aria_label`` is aria-label; True stands alone, None and False are left out."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    inside = joined(*children)
    return Html(f"<{tag}{written}>{inside}" + ("" if tag in _VOID else f"</{tag}>"))


def joined(*children: Child) -> Html:
    """Children one after the other."""
    return Html("".join(text(child) for child in children if child is not None))


def text(child: str) -> Html:
    """A child as HTML: escaped unless it is HTML already."""
    return child if isinstance(child, Html) else Html(html.escape(child))


def data_script(identity: str, value: Any) -> Html:
    """A value as JSON for the page's script. Nothing in it can end the element, nor begin another."""
    written = json.dumps(value, separators=(",", ":"), allow_nan=False)
    safe = written.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Html(f'<script type="application/json" id="{html.escape(identity)}">{safe}</script>')


def _attribute(key: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


_VOID = {"meta", "link", "br", "hr", "col"}
