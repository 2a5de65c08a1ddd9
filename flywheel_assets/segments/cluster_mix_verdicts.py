"""Verdicts on cluster_mix: did the mix of clusters, or how often one converts, change since the previous interval."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from flywheel_assets.tables import label_verdicts as labelled
from flywheel_assets.tables.verdict import Check, Number, Verdict, share

SIGNIFICANCE = 0.05

NOTABLE = 0.25
"""A rate that changed by less than this part of itself is no news, however many sessions prove it."""

MIX_DRIFT = Check(
    "mix_drift",
    "PSI of the clusters from the previous interval, beyond noise: moderate from 0.10 warns, major above 0.25 fails.",
)
CONVERSION_DRIFT = Check(
    "conversion_drift",
    "No cluster's conversion rate changed by a quarter or more since the previous interval, beyond noise (warning).",
)
CHECKS = (MIX_DRIFT, CONVERSION_DRIFT)

Rows = Sequence[Mapping[str, Any]]


def verdicts(now: Rows, before: Rows | None) -> list[Verdict]:
    """Both, from the rows of cluster_mix. ``before``: those of the previous interval by the same fit; None where there
    are none, and then there is no verdict."""
    counts = {_name(row): int(row["Sessions"]) for row in now}
    earlier = {_name(row): int(row["Sessions"]) for row in before} if before is not None else None
    return [
        labelled.drift(MIX_DRIFT.name, counts, earlier, "the previous interval by the same segments"),
        conversion_drift(now, before),
    ]


def conversion_drift(now: Rows, before: Rows | None) -> Verdict:
    """Warns of clusters whose conversion rate changed: by Fisher's exact test at 5 %, over all clusters by Holm's
    step-down (Holm 1979), and by a quarter or more of what it was. Clusters without sessions in either interval, or
    without any conversion in both, have no verdict."""
    then = {row["Cluster"]: row for row in before or ()}
    pairs = [(row, then[row["Cluster"]]) for row in now if row["Cluster"] in then]
    table = [line for line in (_line(row, past) for row, past in pairs) if line is not None]
    if not table:
        why = "nothing to compare: no conversions here and in the previous interval by the same segments"
        return Verdict(CONVERSION_DRIFT.name, True, why, "WARN")
    for line, p in zip(table, holm([float(line["p"]) for line in table]), strict=True):
        line["p_by_holm"] = p
    changed = [line for line in table if float(line["p_by_holm"]) < SIGNIFICANCE and _notable(line)]
    told = "; ".join(f"{line['cluster']} from {line['rate_before']:.2%} to {line['rate']:.2%}" for line in changed)
    return Verdict(
        CONVERSION_DRIFT.name,
        not changed,
        told or f"none of {len(table)} conversion rates changed by a quarter or more, beyond noise",
        "WARN",
        {"clusters_changed": len(changed), "clusters_compared": len(table)},
        table,
    )


def exact_p(a: int, n: int, b: int, m: int) -> float:
    """The two-sided p-value that a of n and b of m are of one proportion (Fisher's exact test, which also holds for
    small clusters). Neither n nor m is 0."""
    from scipy.special import gammaln  # a tenth of a second to import, and only checks need it

    def ways(of: int, taken: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        return np.asarray(gammaln(of + 1) - gammaln(taken + 1) - gammaln(of - taken + 1))

    first = np.arange(max(0, a + b - m), min(n, a + b) + 1)
    chances = ways(n, first) + ways(m, a + b - first)
    chances = np.exp(chances - chances.max())
    # Equally likely tables must count whatever rounding made of them.
    extreme = chances <= chances[a - first[0]] * (1 + 1e-7)
    return float(min(1.0, chances[extreme].sum() / chances.sum()))


def holm(values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given."""
    adjusted = [0.0] * len(values)
    highest = 0.0
    for place, i in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        highest = max(highest, min(1.0, (len(values) - place) * values[i]))
        adjusted[i] = highest
    return adjusted


def _line(row: Mapping[str, Any], past: Mapping[str, Any]) -> dict[str, Number] | None:
    if not row["Sessions"] or not past["Sessions"] or not (row["Conversions"] or past["Conversions"]):
        return None
    a, n, b, m = (int(r[c]) for r in (row, past) for c in ("Conversions", "Sessions"))
    return {
        "cluster": _name(row),
        "sessions": n,
        "rate": share(a, n),
        "sessions_before": m,
        "rate_before": share(b, m),
        "p": exact_p(a, n, b, m),
    }


def _notable(line: Mapping[str, Number]) -> bool:
    before, now = float(line["rate_before"]), float(line["rate"])
    return abs(now - before) >= NOTABLE * before


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['Cluster']} ({row['Description']})"
