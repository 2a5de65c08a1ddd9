"""All numbers of clusters over one matrix, their diagnostics, and the one that the rule chooses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flywheel_assets.errors import SegmentsError
from flywheel_assets.segments import clustering
from flywheel_assets.segments.cluster_count import Choice, Diagnostics, choose
from flywheel_assets.segments.clustering import Fit, Scaled
from flywheel_assets.segments.segments import FloatArray

SEED = 2024


@dataclass(frozen=True)
class Exploration:
    """``diagnostics`` stand by number of clusters, ascending. ``fit``: the chosen one. ``sampling``: which figure rests
    on which sessions, in words."""

    scaled: Scaled
    diagnostics: tuple[Diagnostics, ...]
    choice: Choice
    fit: Fit
    sampling: str


def explore(
    values: FloatArray,
    numbers: Sequence[int],
    wanted: int | None,
    tell: Callable[[str], None] = lambda text: None,
    seed: int = SEED,
) -> Exploration:
    """Fits to ``values`` ``[session, feature]``, finite, in a fixed order, for each of ``numbers`` and for ``wanted``,
    which overrides the rule. Numbers that are not less than the different sessions there are, are left out.

    Raises SegmentsError when no column varies, or when there are too few different sessions for ``wanted`` or for all
    of the numbers."""
    scaled = clustering.scaled(values)
    if not scaled.kept:
        raise SegmentsError(
            f"every feature is constant over the {len(values):,} session{'' if len(values) == 1 else 's'}: they cannot "
            "be told apart, so there are no clusters. Fit a longer range of intervals: flywheel segments fit --from "
            "KEY --to KEY"
        )
    asked = sorted({*numbers, *([wanted] if wanted else [])})
    different = clustering.distinct(scaled.values, asked[-1])
    possible = [k for k in asked if k < different]
    if not possible or (wanted and wanted not in possible):
        raise SegmentsError(
            f"{wanted or asked[0]} clusters need more than {wanted or asked[0]} different sessions; there are "
            f"{different:,}, of {len(values):,} in all. Fit a longer range of intervals, flywheel segments fit --from "
            "KEY --to KEY, or fewer clusters, FLYWHEEL_SEGMENT_COUNTS"
        )
    fits: dict[int, Fit] = {}
    found = []
    for k in possible:
        fits[k] = clustering.fit(scaled.values, k, seed)
        found.append(clustering.diagnostics(scaled.values, fits[k], seed))
        tell(f"{k} clusters: silhouette {found[-1].silhouette:.3f}")
    choice = choose(found, lambda k: clustering.stability(scaled.values, fits[k], seed), wanted)
    return Exploration(scaled, tuple(found), choice, fits[choice.clusters], sampling(len(values)))


def sampling(sessions: int) -> str:
    """Which figure of a fit to so many sessions rests on which of them."""
    by = "MiniBatchKMeans" if sessions > clustering.MINI_BATCH_ABOVE else "K-Means"
    return (
        f"{by} over all {sessions:,} sessions, begun from the best of {clustering.START_ATTEMPTS} fits to "
        f"{min(sessions, clustering.START_SESSIONS):,}; inertia, Davies-Bouldin, Calinski-Harabasz and shares "
        f"over all; silhouette over {min(sessions, clustering.SILHOUETTE_SESSIONS):,}; stability over "
        f"{clustering.RESAMPLES} resamples of {min(sessions, clustering.RESAMPLED_SESSIONS):,}"
    )
