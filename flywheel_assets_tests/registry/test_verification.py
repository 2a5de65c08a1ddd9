import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from flywheel_assets.cli.main import main
from flywheel_assets.registry.files import MANIFEST, digest
from flywheel_assets.registry.verification import Finding, extreme_input, random_input, verify
from flywheel_assets.sessions.session_model import SESSION_MODEL
from flywheel_assets.users.user_model import USER_MODEL
from flywheel_assets_tests.bundles import with_other_weights


def verdicts(findings: list[Finding]) -> dict[str, str]:
    return {finding.subject: finding.verdict for finding in findings}


def test_a_bundle_as_it_was_made_passes(models_dir: Path) -> None:
    findings = verify(models_dir)

    assert set(verdicts(findings).values()) == {"ok"}
    assert [f.subject for f in findings if ".onnx" in f.subject] == [
        f"{files.compiled}, {kind} input"
        for files in (SESSION_MODEL.files, USER_MODEL.files)
        for kind in ("random", "extreme")
    ]


def test_altered_artefacts_fail_and_are_not_opened(models_dir: Path) -> None:
    (models_dir / USER_MODEL.files.scaler).write_bytes(b"altered")

    (finding,) = verify(models_dir)
    assert (finding.subject, finding.verdict) == ("files", "failed")
    assert USER_MODEL.files.scaler in finding.detail


def test_another_library_version_is_told_and_no_failure(models_dir: Path) -> None:
    manifest = json.loads((models_dir / MANIFEST).read_text())
    manifest["libraries"]["keras"] = "3.0.0"
    (models_dir / MANIFEST).write_text(json.dumps(manifest))

    findings = verify(models_dir)
    assert [f.subject for f in findings if f.verdict != "ok"] == ["keras"]
    assert next(f for f in findings if f.subject == "keras").detail.startswith("made with 3.0.0, installed is ")


@pytest.mark.parametrize("content", [None, b"broken"])
def test_a_missing_or_broken_compiled_scorer_fails_with_what_to_type(models_dir: Path, content: bytes | None) -> None:
    path = models_dir / SESSION_MODEL.files.compiled
    path.unlink() if content is None else path.write_bytes(content)

    failed = [f for f in verify(models_dir) if f.verdict == "failed"]
    assert [f.subject for f in failed] == [SESSION_MODEL.files.compiled]
    assert f"type: flywheel models compile {models_dir}" in failed[0].detail


def test_a_compiled_scorer_with_other_weights_fails(models_dir: Path) -> None:
    with_other_weights(models_dir / SESSION_MODEL.files.compiled)

    found = verdicts(verify(models_dir))
    assert found[SESSION_MODEL.files.compiled] == "failed"
    assert found[f"{USER_MODEL.files.compiled}, random input"] == "ok"


def test_a_compiled_scorer_with_other_weights_that_the_manifest_vouches_for_fails_too(models_dir: Path) -> None:
    path = models_dir / SESSION_MODEL.files.compiled
    manifest, before = (models_dir / MANIFEST).read_text(), digest(path.read_bytes())
    with_other_weights(path)
    (models_dir / MANIFEST).write_text(manifest.replace(before, digest(path.read_bytes())))

    found = verdicts(verify(models_dir))
    assert found[f"{SESSION_MODEL.files.compiled}, random input"] == "failed"
    assert found[f"{USER_MODEL.files.compiled}, random input"] == "ok"


def test_extreme_input_has_each_feature_alone_far_out_on_both_sides() -> None:
    rows = extreme_input(np.array([0.0, 10.0]), np.array([1.0, 30.0]))

    assert [1e6 + 1, 10] in rows.tolist()
    assert [0, 10 - 20e6] in rows.tolist()
    assert [0, 10] in rows.tolist()


def test_random_input_stays_in_the_range_of_the_training_data() -> None:
    rows = random_input(np.array([0.0, 10.0]), np.array([1.0, 30.0]))

    assert (rows.min(axis=0) >= [0, 10]).all()
    assert (rows.max(axis=0) <= [1, 30]).all()


def test_the_command_prints_a_table_and_exits_with_1_on_a_failure(models_dir: Path) -> None:
    passed = CliRunner().invoke(main, ["models", "verify", str(models_dir)])
    assert passed.exit_code == 0
    assert "files" in passed.output

    (models_dir / USER_MODEL.files.compiled).unlink()
    assert CliRunner().invoke(main, ["models", "verify", str(models_dir)]).exit_code == 1

    compiled = CliRunner().invoke(main, ["models", "compile", str(models_dir)])
    assert compiled.output.splitlines() == [
        str(models_dir / files.compiled) for files in (SESSION_MODEL.files, USER_MODEL.files)
    ]
    assert CliRunner().invoke(main, ["models", "verify", str(models_dir)]).exit_code == 0
