"""Making a whole bundle: data drawn, both models trained, measured, written, compiled and described."""

from dataclasses import asdict
from pathlib import Path

from flywheel_assets.registry.bundle import ModelBundle, write_manifest
from flywheel_assets.registry.compilation import compile_bundle
from flywheel_assets.registry.files import SESSION_FILES, USER_FILES, digests_of
from flywheel_assets.registry.originals import library_versions, opened
from flywheel_assets.simulation.shipped_card import model_card
from flywheel_assets.simulation.training_data import PARTS, draw_training_data
from flywheel_assets.simulation.world import FEATURES, World
from flywheel_assets.training.figures import drift_baseline, measure
from flywheel_assets.training.network import Report
from flywheel_assets.training.training import save_model, train_models
from flywheel_assets.warehouse.files import write_whole

CARD = "README.md"


def make_bundle(directory: Path, world: World, users: int, intervals: int, seed: int, report: Report) -> ModelBundle:
    """Trains on that many users of a world and leaves in ``directory`` the six artefacts, the manifest, the compiled
    scorers and the model card, replacing those there. The same arguments give the same version on the same machine."""
    data = draw_training_data(world, users, intervals, seed)
    report(f"{len(data.sessions):,} trimmed sessions of {users:,} users")
    session, user, shares = train_models(data, FEATURES, world.session_labels, seed, report)
    report("measuring both models and the best possible ones on held-out users")
    figures = measure(world, seed, session, user, data.sessions, shares)
    baseline = drift_baseline(world, session, user, data.sessions, shares)

    save_model(directory, SESSION_FILES, session)
    save_model(directory, USER_FILES, user)
    digests = digests_of(directory)
    saved_session, saved_user = opened(directory, digests)
    command = f"flywheel models train --out models --users {users} --intervals {intervals} --seed {seed}"
    sizes = {
        f"{part} {name}": int((table["part"] == part).sum())
        for part in PARTS
        for name, table in (("sessions", data.sessions), ("user intervals", shares))
    }
    bundle = write_manifest(
        directory,
        saved_session.info(world.session_labels),
        saved_user.info(world.user_labels),
        digests=digests,
        libraries=library_versions(),
        baseline=baseline,
        training={"command": command, "rows": sizes, **asdict(figures)},
    )
    compile_bundle(bundle)
    card = model_card(bundle, figures, command, sizes)
    write_whole(directory / CARD, card.encode())
    return bundle
