"""A promotion as `flywheel models promote` means it: compared first, and refused when something speaks against it.
Knows nothing of Dagster."""

from flywheel_assets.errors import PromotionError
from flywheel_assets.flywheel import Flywheel
from flywheel_assets.registry.comparison import ModelComparison, objections
from flywheel_assets.registry.lifecycle import promote
from flywheel_assets.registry.promotions import Promotion, read_promotions, unfinished
from flywheel_assets.registry.shelves import ARCHIVE, champion, promotable
from flywheel_assets.training.candidate_comparison import compare_bundles


def promote_candidate(
    flywheel: Flywheel, version: str, why: str, forced: bool
) -> tuple[Promotion, ModelComparison | None]:
    """Makes the candidate, or bundle of the archive, the champion; with the comparison that it rests on, None where
    there was nothing to compare with or to decide: a first champion, or a promotion that had begun.

    Raises PromotionError when something speaks against it and it is not ``forced``, ArtefactError as
    :func:`flywheel_assets.registry.lifecycle.promote`."""
    models_dir, now = flywheel.settings.models_dir, flywheel.now()
    begun = unfinished(read_promotions(models_dir))
    if begun:
        return promote(models_dir, version, now, begun.before), None
    bundle, present = promotable(models_dir, version), champion(models_dir)
    if present is None or present.version == bundle.version:
        return promote(models_dir, version, now, present.version if present else None, why), None
    comparison = compare_bundles(flywheel, bundle, present)
    against = objections(comparison, flywheel.settings.max_flips)
    if against and not forced:
        place = "in the archive" if bundle.directory.parent.name == ARCHIVE else "a candidate"
        raise PromotionError(
            f"{version} stays {place}, the champion {present.version} as it is:\n"
            + "".join(f"  - {one}\n" for one in against)
            + f"look at it: flywheel models compare {version}; promote it all the same: "
            f'flywheel models promote {version} --force --why "..."'
        )
    return promote(models_dir, version, now, present.version, why, against, comparison.figures()), comparison
