"""New points of rules from outcomes: a logistic regression on what the rules give, held to their directions and near
their present weights, and the rules' file with only those numbers replaced."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flywheel_assets.errors import IntentError
from flywheel_assets.intent.intent_scores import features_of
from flywheel_assets.intent.learning_rows import learning_rows
from flywheel_assets.intent.rules import IntentRules, Rule
from flywheel_assets.intent.rules_file import rules_in
from flywheel_assets.intent.scoring import raw_points, score
from flywheel_assets.registry.bootstrap import Estimate
from flywheel_assets.training.boosted_trees import split
from flywheel_assets.training.ranking_metrics import AUC, measure

FloatArray = npt.NDArray[np.float64]

DOUBT = 0.5
"""The standard deviation of a rule's weight around its present one, before any outcome, as a share of it."""


@dataclass(frozen=True)
class Suggestion:
    """``rules`` with new points; ``why`` by rule that changes. ``before`` and ``after``: AUC of the present and of the
    new rules on ``users`` held out, ``difference`` after less before."""

    rules: IntentRules
    why: dict[str, str]
    before: Estimate
    after: Estimate
    difference: Estimate
    users: int


def suggest(rows: pa.Table, rules: IntentRules, kinds: Sequence[str]) -> Suggestion:
    """Points fitted to the earlier of ``rows``, see :func:`flywheel_assets.intent.learning_rows.outcome_rows`, and
    judged on the last. Rules by the values of a trait keep theirs. Raises TrainingError for too few outcomes."""
    learnt = learning_rows(rows, ())
    parts = split(learnt.interval, learnt.intervals, learnt.converted)
    known = parts.fit | parts.calibration
    features = features_of(rows, rules, kinds)
    raw = np.column_stack([raw_points(rule, features, kinds) for rule in rules.rules])
    points = fitted_points(rules.rules, raw[known], learnt.converted[known])
    bounds = {group.name: (group.floor, group.cap) for group in rules.groups}
    changed = tuple(
        replace(rule, points=within(point, rule.points, *bounds[rule.group])) if rule.points else rule
        for rule, point in zip(rules.rules, points, strict=True)
    )
    new = replace(rules, rules=changed)
    why = {
        rule.name: reason(raw[known, i], rule, changed[i].points, learnt.converted[known])
        for i, rule in enumerate(rules.rules)
        if changed[i].points != rule.points
    }
    held = {name: column[parts.holdout] for name, column in features.items()}
    user = np.unique(learnt.user[parts.holdout], return_inverse=True)[1]
    converted = learnt.converted[parts.holdout]
    before, after = (measure(converted, score(held, one, kinds).score.astype(float), user)[AUC] for one in (rules, new))
    return Suggestion(new, why, before.estimate, after.estimate, after.less(before), int(parts.holdout.sum()))


def fitted_points(rules: Sequence[Rule], raw: FloatArray, converted: npt.NDArray[np.bool_]) -> list[float]:
    """New points of each rule, whole numbers of the sign of its present ones, that sum to about as many: caps and tiers
    go on meaning what they mean. ``raw`` [n, rules]: what the rules give, before caps.

    Minimizes the log loss of a + sum(w raw / points) over w >= 0 plus a ridge toward the present weights, which are
    the points times the log-odds that a point is worth today. The ridge is a normal prior whose standard deviation is
    DOUBT times the present weight: 20 conversions hardly move it, thousands do."""
    from scipy.optimize import minimize

    most = np.array([abs(rule.points) if not rule.values else 0.0 for rule in rules])
    free = most > 0
    sign = np.sign([rule.points for rule in rules])[free]
    shares = raw[:, free] / most[free]  # signed: from 0 to 1, or to -1 of a deduction
    fixed = raw[:, ~free].sum(axis=1)

    def loss_of(linear: FloatArray) -> tuple[float, FloatArray]:
        error = 1 / (1 + np.exp(-linear)) - converted
        return float((np.logaddexp(0, linear) - converted * linear).sum()), error

    def by_worth(line: FloatArray) -> tuple[float, FloatArray]:
        total = raw.sum(axis=1)
        loss, error = loss_of(line[0] * total + line[1])
        return loss, np.array([(error * total).sum(), error.sum()])

    rate = converted.mean()
    start = np.array([0.05, np.log(rate / (1 - rate))])
    worth, base = minimize(by_worth, start, jac=True, method="L-BFGS-B", bounds=[(0.001, None), (None, None)]).x
    present = worth * most[free]
    doubt = DOUBT * present

    def by_weight(weights: FloatArray) -> tuple[float, FloatArray]:
        loss, error = loss_of(shares @ weights[:-1] + worth * fixed + weights[-1])
        away = (weights[:-1] - present) / doubt
        return loss + float((away**2).sum()) / 2, np.append(shares.T @ error + away / doubt, error.sum())

    bounds = [*((0.0, None) for _ in present), (None, None)]
    found = minimize(by_weight, np.append(present, base), jac=True, method="L-BFGS-B", bounds=bounds).x[:-1]
    gains = sign > 0
    scale = most[free][gains].sum() / found[gains].sum() if found[gains].sum() > 0 else 1 / worth
    points = np.array([rule.points for rule in rules])
    points[free] = np.where(np.abs(found - present) < 1e-9, points[free], sign * np.rint(found * scale))
    return [float(point) + 0.0 for point in points]


def within(point: float, present: float, floor: float, cap: float) -> float:
    """New points, no more than the cap of the group can give, nor less than its floor; present ones may be."""
    return min(max(point, min(floor, present)), max(cap, present))


def reason(raw: FloatArray, rule: Rule, points: float, converted: npt.NDArray[np.bool_]) -> str:
    """Why a rule's points change to ``points``: how many convert of those it gives at least half of its present points,
    and of others."""
    strong = np.abs(raw) >= abs(rule.points) / 2
    if not strong.any() or strong.all():
        return "outcomes of users who differ in it"
    with_it, without = converted[strong].mean(), converted[~strong].mean()
    rates = f"{with_it:.1%} convert where it gives half of its points or more, {without:.1%} elsewhere"
    shared = abs(points) < abs(rule.points) and (with_it > without) == (rule.points > 0)
    return f"{rates}, part of which other rules give already" if shared else rates


def with_points(text: str, path: Path, before: IntentRules, after: IntentRules, *known: Sequence[str]) -> str:
    """The text of a rules file with the points of ``after``; comments and all else stay. ``known``: what
    :func:`flywheel_assets.intent.rules_file.rules_in` takes beside. Raises IntentError where a rule's points do not
    stand on a line of their own below its header."""
    lines, header = text.splitlines(keepends=True), ""
    new = {a.name: a.points for a, b in zip(after.rules, before.rules, strict=True) if a.points != b.points}
    for number, line in enumerate(lines):
        header = found[1].strip() if (found := re.match(r"\s*\[([^\]]*)\]", line)) else header
        name = re.fullmatch(r"rules\s*\.\s*[\"']?(\w+)[\"']?", header)
        if name and name[1] in new:
            lines[number] = re.sub(r"^(\s*[\"']?points[\"']?\s*=\s*)[^\s#]+", rf"\g<1>{new[name[1]]:g}", line)
    written = "".join(lines)
    if rules_in(written, path, *known).digest != after.digest:
        raise IntentError(
            f"{path}: the points of {', '.join(new)} cannot be replaced; expected each rule as [rules.NAME] with a "
            "line points = NUMBER below it. Change them by hand"
        )
    return written
