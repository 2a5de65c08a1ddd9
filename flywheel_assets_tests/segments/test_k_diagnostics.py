from flywheel_assets.segments.cluster_count import Choice, Diagnostics, Stability, choose
from flywheel_assets.segments.k_diagnostics import k_diagnostics


def test_every_number_has_a_row_and_only_what_was_resampled_a_stability() -> None:
    found = [Diagnostics(2, 90.0, 0.4, 1.0, 50.0, 0.3), Diagnostics(3, 60.0, 0.5, 0.9, 60.0, 0.004)]
    rows = k_diagnostics(found, Choice(2, "why", {2: 1.0}, {2: Stability((0.9, 0.7), 0.8)}))

    assert [(r["clusters"], r["chosen"], r["stability"], r["stability_by_cluster"], r["mean_rank"]) for r in rows] == [
        (2, True, 0.8, [0.7, 0.9], 1.0),
        (3, False, None, None, None),
    ]
    assert [r["inertia"] for r in rows] == [90.0, 60.0]


def test_the_places_follow_from_the_figures_beside_them() -> None:
    inertias = {2: 100.0, 3: 60.0, 4: 30.0, 5: 25.0, 6: 1.0}
    found = [Diagnostics(k, inertia, 0.4, 1.0, 50.0, 0.001 if k == 6 else 0.1) for k, inertia in inertias.items()]
    rows = k_diagnostics(found, choose(found, lambda k: Stability((0.9,), 0.9)))

    assert rows[-1]["elbow"] is rows[-1]["mean_rank"] is None, "six clusters are out"
    best_first = sorted(rows[:-1], key=lambda row: -row["elbow"])
    assert [row["mean_rank"] for row in best_first] == sorted(row["mean_rank"] for row in rows[:-1])
