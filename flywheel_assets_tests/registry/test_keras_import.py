"""Keras as it is imported, each time in a process of its own: an import that failed halfway would stay so."""

import re
import subprocess
import sys

KERAS = "from flywheel_assets.registry.keras_import import import_keras; import_keras()"


def test_without_tensorflow_the_error_says_what_to_install() -> None:
    program = f"import sys; sys.modules['tensorflow'] = None; {KERAS}"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert re.search(r"ArtefactError: .*scoring doesn't.*pip install 'flywheel-assets\[models\]'", run.stderr)


def test_importing_keras_prints_nothing() -> None:
    run = subprocess.run([sys.executable, "-c", KERAS], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("", "")
