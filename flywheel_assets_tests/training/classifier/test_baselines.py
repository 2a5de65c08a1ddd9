import numpy as np

from flywheel_assets.registry.classifier_inputs import InputColumn, InputEncoding
from flywheel_assets.training.classifier.baselines import one_rule
from flywheel_assets_tests.training.classifier.rows import examples, learnt

ENCODING = InputEncoding((InputColumn("x"), InputColumn("page", ("cart",))))


def test_one_rule_is_the_best_of_all_cuts() -> None:
    draw = np.random.default_rng(2)
    x, target = draw.integers(0, 30, 400).astype(np.float32), draw.random(400) < 0.1
    target |= x > 21
    encoded = np.stack([x, *np.zeros((3, 400), np.float32)], axis=1)
    rule = one_rule(encoded, target, ENCODING)
    holds = rule.holds(encoded, ENCODING)

    def f1(some: np.ndarray) -> float:
        return float(2 * (some & target).sum() / (some.sum() + target.sum()))

    assert rule.text == "x > 21"
    assert f1(holds) == max(max(f1(x > cut), f1(x <= cut)) for cut in np.unique(x)[:-1])
    assert set(rule.probability(holds)) == {target[holds].mean(), target[~holds].mean()}


def test_a_rule_on_a_category_says_which_value() -> None:
    target = np.arange(100) % 4 == 0
    encoded = np.zeros((100, 4), np.float32)
    encoded[:, 1] = target
    encoded[:, 2] = ~target

    assert one_rule(encoded, target, ENCODING).text in ("page is cart", "page is not (other)")


def test_null_is_on_neither_side() -> None:
    encoded = np.array([[np.nan, 0, 0, 1], [1, 0, 0, 1], [5, 0, 0, 1]] * 10, np.float32)
    rule = one_rule(encoded, np.array([False, False, True] * 10), ENCODING)

    assert rule.text == "x > 1"
    assert rule.holds(encoded, ENCODING).tolist() == [False, False, True] * 10


def test_the_rule_of_the_rows_is_the_one_they_were_drawn_by() -> None:
    of = examples()
    rule = one_rule(learnt(of).encoded, of.target, of.encoding(np.ones(len(of), bool)))

    assert rule.text.startswith(("views >", "device is desktop"))
