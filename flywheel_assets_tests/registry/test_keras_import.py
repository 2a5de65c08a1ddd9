import subprocess
import sys

import pytest

from flywheel_assets.errors import ArtefactError
from flywheel_assets.registry.keras_import import import_keras


def test_without_tensorflow_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)

    with pytest.raises(ArtefactError, match=r"scoring doesn't.*pip install 'flywheel-assets\[models\]'"):
        import_keras()


def test_importing_keras_prints_nothing() -> None:
    program = "from flywheel_assets.registry.keras_import import import_keras; import_keras()"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("", "")
