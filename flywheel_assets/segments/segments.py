"""Segments: clusters of sessions as a fit left them, and which of them a session belongs to.

All that is needed of a fit stands in one JSON text: sessions get their clusters by numpy alone, batch by batch."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flywheel_assets.tables.generation import digest

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cluster:
    """One cluster of a fit. ``center``: one value per feature, in standard deviations from the fit's mean. ``sessions``
    and ``share`` are of the sessions it was fitted on, ``conversion_rate`` the share of these that have the outcome,
    None without an outcome. ``stability``: mean Jaccard similarity with its like in fits to resamples (Hennig 2007),
    from 0 to 1; None where the number of clusters was not resampled."""

    id: int
    description: str
    center: tuple[float, ...]
    sessions: int
    share: float
    conversion_rate: float | None = None
    stability: float | None = None


@dataclass(frozen=True)
class Segments:
    """A fit. ``features``: columns of visit_features in the order of the centres, ``means`` and ``scales`` theirs, by
    which values become standard deviations. ``constant`` features were dropped. ``counts``: the session model's
    features that the rates are made of. ``outcome``: the one whose being above 0 is a conversion, None where the model
    has no such feature. ``clusters`` stand by id, ascending; ids are from 1 and mean the same from fit to fit;
    ``ids_given`` is the highest that any fit has had. ``first_interval`` and ``last_interval`` are keys."""

    features: tuple[str, ...]
    constant: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    counts: tuple[str, ...]
    outcome: str | None
    clusters: tuple[Cluster, ...]
    ids_given: int
    first_interval: str
    last_interval: str
    sessions: int

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(cluster.id for cluster in self.clusters)

    @cached_property
    def centers(self) -> FloatArray:
        """``[cluster, feature]``, in standard deviations."""
        return np.array([cluster.center for cluster in self.clusters], dtype=float)

    @cached_property
    def centers_in_units(self) -> FloatArray:
        """``[cluster, feature]``, in the features' own units."""
        return np.asarray(self.centers * np.array(self.scales) + np.array(self.means), dtype=float)

    @cached_property
    def version(self) -> str:
        """16 hexadecimal digits: a digest of what decides which cluster a session gets, and what the cluster is called
        and counted as."""
        decisive = {"features": self.features, "means": self.means, "scales": self.scales, "outcome": self.outcome}
        clusters = [(c.id, c.description, c.center) for c in self.clusters]
        return digest(json.dumps({**decisive, "clusters": clusters}, sort_keys=True))

    def to_json(self) -> dict[str, Any]:
        return {"version": self.version, **asdict(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Segments":
        """The fit out of :meth:`to_json`, whatever else stands beside it. Raises KeyError or TypeError for another
        value."""
        clusters = tuple(Cluster(**{**c, "center": tuple(map(float, c["center"]))}) for c in value["clusters"])
        return cls(
            features=tuple(value["features"]),
            constant=tuple(value["constant"]),
            means=tuple(map(float, value["means"])),
            scales=tuple(map(float, value["scales"])),
            counts=tuple(value["counts"]),
            outcome=value["outcome"],
            clusters=clusters,
            ids_given=int(value["ids_given"]),
            first_interval=value["first_interval"],
            last_interval=value["last_interval"],
            sessions=int(value["sessions"]),
        )

    def nearest(self, values: FloatArray) -> tuple[IntArray, FloatArray]:
        """For features ``[n, feature]`` in their own units the position in ``clusters`` of the nearest centre, and the
        Euclidean distance to it in standard deviations."""
        z = (values - np.array(self.means)) / np.array(self.scales)
        squares = (z * z).sum(axis=1)[:, None] - 2 * z @ self.centers.T + (self.centers * self.centers).sum(axis=1)
        position = squares.argmin(axis=1)
        return position, np.sqrt(((z - self.centers[position]) ** 2).sum(axis=1))


def matrix(rows: pa.RecordBatch | pa.Table, features: Sequence[str]) -> FloatArray:
    """``[row, feature]``."""
    columns = [np.asarray(rows.column(name).to_numpy(), dtype=float) for name in features]
    return np.stack(columns, axis=1) if columns else np.empty((rows.num_rows, 0))
