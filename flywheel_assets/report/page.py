"""The shell of a page: one HTML file that makes no network requests, from blocks and the templates beside this module.

A content security policy lets the page run its own script and Plotly's, and nothing that data may bring."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from flywheel_assets.report.blocks import Block, Chart, Headline, Pair, Section, View

PLOTLY = "plotly.min.js"
GENERATION_META = "flywheel-generation"
"""The name in the page's head of the digest of what the page was made from."""


@dataclass(frozen=True)
class Page:
    """What a page says. ``links``: other pages, text and address. ``colours``: by CSS variable a light and a dark one.
    ``views`` are shown one at a time, in place of the sections. A page without sections has no charts and no script;
    ``blocks`` stand in the place of these."""

    title: str
    kicker: str
    heading: str
    standfirst: str
    links: Sequence[tuple[str, str]] = ()
    warning: str = ""
    headlines: Sequence[Headline] = ()
    note: str = ""
    sections: Sequence[Section] = ()
    views: Sequence[View] = ()
    blocks: Sequence[Block] = ()
    footer: str = ""
    colours: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    generation: str = ""

    @property
    def charted(self) -> bool:
        """Whether it has charts, and so needs Plotly."""
        return any(isinstance(block, Chart | Pair) for section in self.sections for block in section.blocks)


def html(page: Page, standalone: bool = False) -> str:
    """The page as HTML. Plotly's script, where there are charts, is the file of that name beside it, or inside with
    ``standalone``."""
    script = _file("page.js") if page.sections else ""
    plotly = plotly_script() if page.charted and standalone else ""
    return (
        _templates()
        .get_template("page.html.j2")
        .render(
            page=page,
            generation_meta=GENERATION_META,
            policy=_policy([text for text in (script, plotly) if text]),
            style=Markup(_file("page.css")),
            # Not escaped, because browsers read scripts as they are; both are files of ours or Plotly's, never data.
            script=Markup(script),
            plotly=Markup(plotly),
            plotly_file=PLOTLY,
        )
    )


def plotly_script() -> str:
    """Plotly's script as its package has it."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


@cache
def look(*packages: str) -> str:
    """A digest of all files of this package and of ``packages``, templates and code, that pages are made with: a page
    made with another is stale."""
    parts = [part for package in (__package__, *packages) for part in _files(files(package))]
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()[:16]


def _files(folder: Traversable) -> list[Traversable]:
    """The files in a folder and in those below it, in a fixed order."""
    inside = sorted((part for part in folder.iterdir() if part.name != "__pycache__"), key=lambda part: part.name)
    return [one for part in inside for one in (_files(part) if part.is_dir() else [part])]


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return templates


def _policy(scripts: Sequence[str]) -> str:
    """The content security policy of a page with these scripts inside, which it names by their digests."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    # To Firefox a page opened from a file has an origin of its own, which the script beside it does not share.
    allowed = " ".join(["'self'", "file:", *(f"'sha256-{digest}'" for digest in digests)])
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def _file(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text("utf-8")
