"""The models that labelled an interval, and how the previous interval's models label it: for `transition_causes`."""

from collections.abc import Iterator
from contextlib import contextmanager

import ibis.expr.types as ir

from flywheel_assets.errors import ArtefactError, NotMaterializedError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.intervals import Interval
from flywheel_assets.registry.shelves import bundle_with
from flywheel_assets.users.second_opinion import models_of, second_opinion
from flywheel_assets.users.spine import LABELLED


def model_versions(flywheel: Flywheel, interval: Interval) -> tuple[str, str]:
    """The session model and the user model that the interval's footers name. Raises NotMaterializedError."""
    versions = {}
    for table in LABELLED:
        flywheel.warehouse.read(table.name, interval)  # which says what to do where it is not there
        made = flywheel.warehouse.generation(table.name, interval)
        if made is None or table.labels is None:
            raise NotMaterializedError(
                f"{table.name} of interval {interval.key} was not written by Flywheel, so which model labelled it is "
                f"labelled it: flywheel run --from {interval.key} --to {interval.key}"
            )
        versions[table.labels.model] = made.parameters[table.labels.parameter]
    return versions["session"], versions["user"]


@contextmanager
def by_models_of(flywheel: Flywheel, before: Interval | None, interval: Interval) -> Iterator[ir.Table | None]:
    """The interval's users as the models of the interval ``before`` label them; None where those labelled both, or
    where one of both intervals has no users. The table is gone at the end.

    Raises ArtefactError, which names the versions, when these models are no longer in the models folder."""
    users = flywheel.warehouse.rows("user_labels", before) if before else 0
    if before is None or not users or not flywheel.warehouse.rows("user_labels", interval):
        yield None
        return
    old, new = model_versions(flywheel, before), model_versions(flywheel, interval)
    if old == new:
        yield None
        return
    try:
        bundle = bundle_with(flywheel.settings.models_dir, dict(zip(("session", "user"), old, strict=True)))
    except ArtefactError as error:
        raise ArtefactError(
            f"{before.key} was labelled by other models than {interval.key}, and they are gone: {error}. Put that "
            "bundle back into the archive, or label both intervals with one bundle: flywheel run --rescore"
        ) from None
    with second_opinion(flywheel, interval, [models_of(flywheel, bundle)]) as (_, (labelled,)):
        yield labelled
