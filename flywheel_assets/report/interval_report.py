"""The report of an interval: one HTML page that asks nothing of any network.

What it says is a :class:`~flywheel_assets.report.page.content.Report`; style and script are the files beside
`page`. A content security policy lets the page run its own script and Plotly's, and nothing that data may bring."""

import base64
import hashlib
import html
from functools import cache
from importlib.resources import files

from flywheel_assets.report import words
from flywheel_assets.report.page import changes, labels, movement, trust
from flywheel_assets.report.page import numbers as n
from flywheel_assets.report.page.colours import DARK_RAMP, LIGHT_RAMP, declarations
from flywheel_assets.report.page.content import Report
from flywheel_assets.report.page.html import Html, element, joined

PLOTLY = "plotly.min.js"
GENERATION_META = "flywheel-generation"


def plotly_script() -> str:
    """Plotly's script as its package has it."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def interval_report(report: Report, standalone: bool = False) -> str:
    """The page. Plotly's script is the file of that name beside it, or inside with ``standalone``."""
    title = f"Interval {report.interval.number}, {n.days(report.interval)}"
    script = _part("page.js")
    plotly = plotly_script() if standalone else ""
    body = joined(
        element("a", "Skip to the report", href="#report", class_="skip"),
        _masthead(report),
        element("main", *_sections(report), id="report", tabindex="-1"),
        _footer(report),
        element("script", Html(plotly)) if standalone else element("script", src=PLOTLY),
        element("script", Html(script)),
    )
    foldings = (report.user_folding, report.session_folding)
    light, dark = ("".join(declarations(f, ramp) for f in foldings) for ramp in (LIGHT_RAMP, DARK_RAMP))
    colours = f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root:not(.paper){{{dark}}}}}"
    return document(title, body, [script, plotly] if standalone else [script], colours, report.generation)


def document(title: str, body: Html, scripts: list[str], colours: str = "", generation: str = "") -> str:
    """A whole page with its head. ``scripts``: the inline ones, that the policy names by their digests."""
    # To Firefox a page that is opened from a file has an origin of its own, which the script beside it is not of.
    allowed = " ".join(["'self'", "file:", *(f"'sha256-{_digest(script)}'" for script in scripts)])
    policy = (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy, quote=False)}">'),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name=GENERATION_META, content=generation) if generation else None,
        element("title", title),
        element("link", rel="icon", href="data:,"),
        element("style", Html(_part("page.css") + colours)),
    )
    return f"<!doctype html>\n{element('html', head, element('body', body), lang='en')}\n"


def _masthead(report: Report) -> Html:
    links = [element("a", "All reports", href="index.html")]
    if report.previous_page:
        links.append(element("a", "The interval before", href=report.previous_page))
    said = (words.models_changed(report), words.what_changed(report), words.why(report))
    return element(
        "header",
        element("nav", *links, aria_label="Reports", class_="reports"),
        element("p", f"Flywheel · interval {report.interval.number}", class_="kicker"),
        element("h1", n.days(report.interval)),
        element("p", " ".join(filter(None, said)), class_="standfirst"),
        None
        if report.closed
        else element("p", "This interval is still open: its numbers will change.", class_="open", role="note"),
        labels.headline_list(report) if "label_mix" not in report.missing else None,
        element("p", f"Changes are {words.compared_with(report)}.", class_="note") if report.previous else None,
        class_="masthead",
    )


def _sections(report: Report) -> list[Html]:
    made = [
        ("changes", "What changed", changes.changes),
        ("mix", "Label mix", labels.mix),
        ("growth", "Growth", movement.growth),
        ("paths", "Where users went", movement.paths),
        ("forecast", "Forecast", labels.forecast),
        ("drift", "Drift", trust.drift),
        ("checks", "Checks", trust.checks),
        ("trimming", "Outliers", trust.trimming),
        ("models", "Models", trust.models),
        ("reading", "How to read it", trust.reading),
    ]
    links = [element("li", element("a", name, href=f"#{identity}")) for identity, name, _ in made]
    contents = element("nav", element("ul", *links), aria_label="On this page", class_="contents")
    return [contents, *(section(report) for _, _, section in made)]


def _footer(report: Report) -> Html:
    return element(
        "footer",
        element(
            "p",
            f"Made from the warehouse's tables of {n.plural(len(report.intervals), 'interval')}, up to "
            f"{report.interval.key}. It asks nothing of any network.",
        ),
    )


@cache
def look() -> str:
    """A digest of all that pages are made with, style, script and code: a page made with another is stale."""
    here = files("flywheel_assets.report")
    parts = [part for folder in (here, here.joinpath("page")) for part in folder.iterdir() if part.is_file()]
    texts = [part.read_bytes() for part in sorted(parts, key=str)]
    return hashlib.sha256(b"".join(texts)).hexdigest()[:16]


def _part(name: str) -> str:
    return files("flywheel_assets.report.page").joinpath(name).read_text("utf-8")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
