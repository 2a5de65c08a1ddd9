import pandas as pd
import pytest

from flywheel_assets.errors import TrainingError
from flywheel_assets.training.trainable import (
    LEAST_ROWS_A_LABEL,
    LEAST_TRAINING_ROWS,
    LEAST_VALIDATION_ROWS,
    check_trainable,
)


def rows(training: int = LEAST_TRAINING_ROWS, validation: int = LEAST_VALIDATION_ROWS, rare: int = 50) -> pd.DataFrame:
    """``rare`` training rows are good, the others bad; a tenth of the training rows is set aside."""
    aside = training // 10
    part = ["training"] * (training - aside) + ["stopping"] * aside + ["validation"] * validation
    label = ["good"] * rare + ["bad"] * (len(part) - rare)
    return pd.DataFrame({"part": part, "label": label, "pageviews": [*map(float, range(len(part)))]})


def check(table: pd.DataFrame, *order: str) -> None:
    check_trainable("sessions", table, "label", order or ("bad", "good"), ["pageviews"])


def test_just_enough_rows_are_enough() -> None:
    check(rows(rare=LEAST_ROWS_A_LABEL))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (rows(training=LEAST_TRAINING_ROWS - 1), "the training intervals have 99 labelled sessions; expected 100"),
        (rows(validation=LEAST_VALIDATION_ROWS - 1), "the validation intervals have 19 labelled sessions; expected 20"),
        (rows(rare=LEAST_ROWS_A_LABEL - 1), r"too few sessions to learn from with the label good \(4\); expected 5"),
        (rows(rare=0), r"with the label good \(0\)"),
        (rows().replace("bad", "odd"), "sessions are labelled good, odd; expected two labels or more, all of them in"),
        (rows().assign(pageviews=7.0), r"every feature of the sessions to learn from is constant \(pageviews\)"),
        (rows().assign(pageviews=float("nan")), "sessions have missing or infinite values in pageviews"),
    ],
)
def test_what_cannot_be_learnt_from_is_said(table: pd.DataFrame, said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        check(table)


@pytest.mark.parametrize("part", ["stopping", "validation"])
def test_rows_of_a_label_that_are_not_fitted_to_do_not_count(part: str) -> None:
    table = rows(validation=40, rare=LEAST_ROWS_A_LABEL - 1)
    table.loc[table["part"] == part, "label"] = "good"

    with pytest.raises(TrainingError, match=r"too few sessions to learn from with the label good \(4\)"):
        check(table)


def test_one_label_alone_is_nothing_to_learn() -> None:
    with pytest.raises(TrainingError, match="labelled bad; expected two labels or more"):
        check(rows(rare=0), "bad")


def test_without_features_the_labels_alone_are_looked_at() -> None:
    check_trainable("users", rows().drop(columns="pageviews"), "label", ("bad", "good"), ())
