import numpy as np
import pyarrow as pa
import pytest

from flywheel_assets.registry.calibration_map import log_odds
from flywheel_assets.training.classifier.candidate import ClassifierCandidate
from flywheel_assets.training.classifier.promotion import holdout_row, scorer_of
from flywheel_assets.training.classifier.reasons import BESIDE, Reasons, explained
from flywheel_assets_tests.training.classifier.rows import task


def test_reasons_add_up_to_the_probability_with_the_values_of_the_row(trained: ClassifierCandidate) -> None:
    what = task(trained.bundle.directory)
    row, others = holdout_row(what, trained.bundle, "s1234")
    scorer = scorer_of(what, trained.bundle)
    (found,) = explained(scorer, row, others)

    assert found.probability == scorer.probability(row)[0]
    assert found.base + sum(moved for *_, moved in found.moved) == pytest.approx(
        float(log_odds(np.array([found.probability]))[0])
    )
    assert found.others == BESIDE
    values = {name: value for name, value, _ in found.moved}
    assert values["device"] == (row["device"][0].as_py() or "missing")
    assert values["flag"] == ("yes" if row["flag"][0].as_py() else "no")
    sizes = [abs(moved) for *_, moved in found.moved]
    assert sizes == sorted(sizes, reverse=True)


def test_reasons_are_told_in_words() -> None:
    moved = (("views", "1,200", np.log(2.5)), ("device", "missing", -np.log(1.5)), ("flag", "no", 0.01))
    found = Reasons("a conversion", 0.213, 0.25, -1.0, 100, moved)

    assert found.sentence == "21.3 % chance of a conversion, below the threshold of 25.0 %"
    assert [line[-1] for line in found.lines] == [
        "raises the odds 2.5 times",
        "lowers the odds 1.5 times",
        "hardly moves the odds",
    ]
    assert found.sum_sentence == "log-odds -1.000 on average of 100 others, +0.521 by these inputs: -0.479"
    assert found.sentences(3) == [
        "Views: 1,200, raises the odds 2.5 times",
        "Device: missing, lowers the odds 1.5 times",
    ]


def test_numbers_that_stand_for_something_are_told_by_its_name(trained: ClassifierCandidate) -> None:
    what = task(trained.bundle.directory)
    row, others = holdout_row(what, trained.bundle, "s1234")
    inputs = trained.bundle.classifiers[what.name].encoding.columns
    number = next(one.name for one in inputs if one.values is None)
    rows = pa.concat_tables([row, row]).set_column(row.column_names.index(number), number, pa.array([1, 7]))
    first, second = explained(scorer_of(what, trained.bundle), rows, others, {number: ("none", "one")})
    assert [value for name, value, _ in first.moved if name == number] == ["one"]
    assert [value for name, value, _ in second.moved if name == number] == ["7"]
