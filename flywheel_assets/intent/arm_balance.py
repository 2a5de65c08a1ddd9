"""Whether the arms of an experiment are of the sizes that they should be, and alike in what users were like before."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import ibis.expr.schema as sch
import ibis.expr.types as ir
import numpy as np

from flywheel_assets.report.numbers import plural
from flywheel_assets.tables.significance import CRITICAL_95
from flywheel_assets.tables.verdict import Check, Number, Verdict

LEAST_P = 0.001
"""Less likely than this, arms are not of the sizes that they should be."""

MOST_DIFFERENCE = 0.1
"""In standard deviations. Arms with less between them are alike (Austin 2009)."""

SAMPLE_RATIO = Check("sample_ratio", f"Each arm has its share of the users (chi-squared, p at least {LEAST_P}).")
BALANCE = Check(
    "balance",
    f"In every feature the arms are less than {MOST_DIFFERENCE} standard deviations apart (warning).",
)


def ratio_p(counts: Sequence[int], shares: Sequence[float]) -> float:
    """The p-value that users were drawn into arms with these shares: the chi-squared test for a sample ratio mismatch
    (Fabijan et al. 2019). Shares that miss 1 leave out an arm without any user. 1 for no users."""
    from scipy.stats import chisquare

    missing = 1 - sum(shares)
    counted = [*counts, 0] if missing > 1e-6 else list(counts)
    wanted = np.array([*shares, missing] if missing > 1e-6 else shares) / (sum(shares) + max(missing, 0.0))
    if not sum(counted) or len(counted) < 2:
        return 1.0
    return float(chisquare(counted, wanted / wanted.sum() * sum(counted)).pvalue)


def sample_ratio(arms: Sequence[Mapping[str, Any]]) -> Verdict:
    """Fails where an experiment's arms are of other sizes than their shares say. ``arms``: ``experiment``, ``arm``,
    ``share`` and ``users`` of each."""
    values: dict[str, float] = {}
    for name in sorted({arm["experiment"] for arm in arms}):
        named = [arm for arm in arms if arm["experiment"] == name]
        values[name] = ratio_p([arm["users"] for arm in named], [arm["share"] for arm in named])
    wrong = [f"{name}: p = {p:.1g}, so users were lost or added" for name, p in values.items() if p < LEAST_P]
    summary = f"every arm of {plural(len(values), 'experiment')} has its share of users" if values else "no experiment"
    table: list[dict[str, Number]] = [{**arm} for arm in arms]
    return Verdict(SAMPLE_RATIO.name, not wrong, "; ".join(wrong) or summary, table=table)


def feature_means(cohort: ir.Table, features: ir.Table) -> ir.Table:
    """Per experiment and arm: ``users`` and, of each feature that is a number or yes or no, ``mean_<feature>``,
    ``variance_<feature>`` and ``known_<feature>``, of the users where it is not null. ``cohort``: rows of the table."""
    joined = cohort.select("experiment", "arm", "user_id").inner_join(features, "user_id")
    moments: dict[str, ir.Scalar] = {}
    for name in balanced_features(features.schema()):
        value = joined[name].cast("float64")
        moments |= {
            f"mean_{name}": value.mean(),
            f"variance_{name}": value.var(how="sample"),
            f"known_{name}": value.count(),
        }
    return joined.group_by("experiment", "arm").aggregate(users=joined.count(), **moments)


def balanced_features(schema: sch.Schema) -> list[str]:
    """The columns of user_features whose mean can be compared."""
    return [name for name, kind in schema.items() if kind.is_numeric() or kind.is_boolean()]


def balance(means: Sequence[Mapping[str, Any]], features: Sequence[str]) -> Verdict:
    """Warns of features in which two arms of an experiment are too far apart: standardized mean differences, by the
    standard deviation of both (Austin 2009), of users where the feature is known. ``means``: of :func:`feature_means`.
    A feature that fewer than two users of an arm have is not judged. Named first is what is furthest beyond what chance
    makes 95 times in 100 among so many users."""
    apart: list[dict[str, Number]] = []
    judged = 0
    for i, first in enumerate(means):
        for second in means[:i]:
            for name in features if first["experiment"] == second["experiment"] else ():
                counts = (first[f"known_{name}"], second[f"known_{name}"])
                if min(counts) < 2:
                    continue
                judged += 1
                distance = standardized_difference(
                    (first[f"mean_{name}"], first[f"variance_{name}"]),
                    (second[f"mean_{name}"], second[f"variance_{name}"]),
                )
                if distance >= MOST_DIFFERENCE:
                    arms = " and ".join(sorted((first["arm"], second["arm"])))
                    chance = CRITICAL_95 * sqrt(1 / counts[0] + 1 / counts[1])
                    apart.append(
                        {
                            "experiment": first["experiment"],
                            "feature": name,
                            "arms": arms,
                            "difference": distance,
                            "chance": chance,
                        }
                    )
    apart.sort(key=lambda line: float(line["chance"]) - float(line["difference"]))
    named = "; ".join(
        f"{line['experiment']}: {line['feature']} differs by {line['difference']:.2f} between {line['arms']}, "
        f"where chance makes up to {line['chance']:.2f}"
        for line in apart[:3]
    )
    more = f"; and {len(apart) - 3:,} more" if len(apart) > 3 else ""
    summary = f"{named}{more}" if apart else f"{plural(judged, 'comparison')}, none of {MOST_DIFFERENCE} or more"
    return Verdict(BALANCE.name, not apart, summary, "WARN", {"apart": len(apart), "compared": judged}, apart)


def standardized_difference(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Of two means, each with its variance: their distance by the root of the mean variance. Without any variance 0
    for equal means and infinite for others."""
    distance, deviation = abs(first[0] - second[0]), sqrt((first[1] + second[1]) / 2)
    return distance / deviation if deviation else (float("inf") if distance else 0.0)
