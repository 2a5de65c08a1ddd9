from typing import Any

from rich.console import Console

from flywheel_assets.cli.segment_report import segments_report
from flywheel_assets_tests.fits import segments_of

DIAGNOSTICS = {
    "clusters": 2,
    "inertia": 90.0,
    "silhouette": 0.4,
    "davies_bouldin": 1.0,
    "calinski_harabasz": 50.0,
    "smallest_share": 0.3,
    "elbow": 0.0,
    "mean_rank": 1.0,
    "stability": None,
    "adjusted_rand": None,
}
REPORT: dict[str, Any] = {
    "why": "it is the best",
    "sampling": "all",
    "diagnostics": [DIAGNOSTICS],
    "appeared": [],
    "vanished": [],
}


def printed(report: dict[str, Any], not_assigned: dict[str, str], outcome: str | None = "leads") -> str:
    console = Console(width=160, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(segments_report(segments_of((0, 0), (2, 2), outcome=outcome), report, not_assigned))
    return captured.get()


def test_clusters_diagnostics_and_reasons_are_told() -> None:
    text = printed(REPORT, {})

    assert "cluster 2" in text
    assert "with leads" in text
    assert "chosen: it is the best" in text
    assert "constant, so left out: shares" in text
    assert "appeared" not in text


def test_what_appeared_vanished_or_is_not_assigned_is_told() -> None:
    text = printed({**REPORT, "appeared": [7], "vanished": [2, 3]}, {"2024-01-15": "it is not there"}, outcome=None)

    assert "clusters that appeared: 7; that vanished: 2, 3" in text
    assert "are not of this fit: 2024-01-15: flywheel segments assign" in text
    assert "no conversion" in text
