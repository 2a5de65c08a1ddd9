"""Labels of users from the mix of their sessions' labels: K-Means once, then by `user_cluster_labels.toml`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ibis
import numpy as np
import pandas as pd

from flywheel_assets.errors import LabelError
from flywheel_assets.tables.labels import share_column
from flywheel_assets.training.tier_files import UserCluster, text_of, user_cluster_text, user_clusters_in
from flywheel_assets.training.tiers import outermost
from flywheel_assets.users.user_distributions import user_distributions
from flywheel_assets.warehouse.files import write_whole

SEED = 2024

Orders = tuple[Sequence[str], Sequence[str]]


@dataclass(frozen=True)
class UserLabels:
    """``rows``: ``user_id``, ``interval_start`` and ``user_flywheel_label``; ``clusters`` by their file, with how many
    of the rows each has and their mean quality, from 1 to the number of session labels."""

    rows: pd.DataFrame
    clusters: Sequence[UserCluster]
    users: Sequence[int]
    qualities: Sequence[float]

    def tiers(self) -> list[dict[str, object]]:
        """One line per cluster, as a table in the UI has it."""
        return [
            {"cluster": c.id, "label": c.label, "users": n, "mean_quality": q, **c.center}
            for c, n, q in zip(self.clusters, self.users, self.qualities, strict=True)
        ]


def user_labels(
    sessions: pd.DataFrame, training: Sequence[str], orders: Orders, labelled_by: str, path: Path
) -> UserLabels:
    """The label of each user in each interval as ``path`` says, which is written with a proposal from the ``training``
    intervals when it is not there. ``sessions``: ``user_id``, ``interval_start``, ``session_quality_label``;
    ``orders``: of session labels and of user labels, worst to best; ``labelled_by``: what gave the session labels.

    The centres are in the file, so that the same sessions have the same labels whatever range is asked for later.
    Raises LabelError for users whose sessions are all mixed alike, and for a file that does not fit the orders or is of
    sessions that something else labelled."""
    distributions = _distributions(sessions, orders[0])
    if not path.is_file():
        _propose(distributions[distributions["interval_start"].isin(training)], orders, labelled_by, path)
    clusters = user_clusters_in(text_of(path.read_bytes(), str(path)), str(path), orders, labelled_by)
    shares = _shares(distributions, orders[0])
    position = _nearest(shares, clusters, orders[0])
    labels = np.array([cluster.label for cluster in clusters], dtype=object)[position]
    rows = distributions[["user_id", "interval_start"]].assign(user_flywheel_label=labels)
    users = np.bincount(position, minlength=len(clusters))
    sums = np.bincount(position, _quality(shares), minlength=len(clusters))
    qualities = sums / np.maximum(users, 1)
    return UserLabels(rows, clusters, users.tolist(), qualities.tolist())


def _propose(distributions: pd.DataFrame, orders: Orders, labelled_by: str, path: Path) -> None:
    """As many clusters as there are user labels, each with one; with fewer different mixes the outermost labels."""
    from sklearn.cluster import KMeans

    shares = _shares(distributions, orders[0])
    different = len(np.unique(shares, axis=0))
    if different < 2:
        raise LabelError(
            f"all {len(shares):,} users have the same mix of session labels, so that no clusters can be told apart; "
            "label users of your own, or use a longer range"
        )
    count = min(len(orders[1]), different)
    fitted = KMeans(count, n_init=10, random_state=SEED).fit(shares)
    by_quality = np.argsort(_quality(fitted.cluster_centers_))
    labels = [orders[1][place] for place in outermost(count, len(orders[1]))]
    clusters = [
        UserCluster(number, label, dict(zip(orders[0], fitted.cluster_centers_[place].tolist(), strict=True)))
        for number, (label, place) in enumerate(zip(labels, by_quality, strict=True), 1)
    ]
    users = np.bincount(fitted.labels_, minlength=count)[by_quality].tolist()
    qualities = _quality(fitted.cluster_centers_)[by_quality].tolist()
    keys = distributions["interval_start"]
    intervals = f"{len(shares):,} users and intervals, {keys.min()} to {keys.max()}"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, user_cluster_text(clusters, users, qualities, orders, intervals, labelled_by).encode())


def _distributions(sessions: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """user_distributions of every interval, with ``interval_start``, by interval and user."""
    engine = ibis.duckdb.connect()
    found = []
    for key, rows in sessions.groupby("interval_start"):
        table = ibis.memtable(rows[["user_id", "session_quality_label"]])
        found.append(engine.to_pandas(user_distributions(table, labels)).assign(interval_start=key))
    return pd.concat(found).sort_values(["interval_start", "user_id"], ignore_index=True)


def _shares(distributions: pd.DataFrame, labels: Sequence[str]) -> np.ndarray:
    return distributions[[share_column(label) for label in labels]].to_numpy(np.float64)


def _quality(shares: np.ndarray) -> np.ndarray:
    """Mean quality of mixes, from 1, the worst label's, to the number of labels."""
    return shares @ np.arange(1, shares.shape[1] + 1)


def _nearest(shares: np.ndarray, clusters: Sequence[UserCluster], labels: Sequence[str]) -> np.ndarray:
    centers = np.array([[cluster.center[label] for label in labels] for cluster in clusters])
    return ((shares[:, None, :] - centers[None]) ** 2).sum(axis=2).argmin(axis=1)
