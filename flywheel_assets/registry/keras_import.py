"""Keras without TensorFlow's start-up messages, and with results that do not depend on the number of cores. Imported
only by what makes, adopts, compiles or verifies models."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from flywheel_assets.errors import ArtefactError


def import_keras() -> Any:
    """The keras module on TensorFlow, on the processor alone. Raises ArtefactError when they are not installed."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # its kernels round differently from machine to machine
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # sums are split by threads; networks this small gain none
    try:
        with _no_standard_error():
            import keras
            import tensorflow as tf
            from absl import logging as absl_logging
    except ImportError as error:
        raise ArtefactError(
            f"{error}: opening, training and compiling models needs TensorFlow and scikit-learn (scoring doesn't); "
            "type: pip install 'flywheel-assets[models]'"
        ) from None
    tf.get_logger().setLevel("ERROR")
    # absl's handler closes the stream it was born with when logging is set up anew, as Dagster does; not this one.
    absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__
    return keras


@contextmanager
def _no_standard_error() -> Iterator[None]:
    """TensorFlow's libraries write to file descriptor 2 before any log level that one could set is read."""
    sys.stderr.flush()
    kept = os.dup(2)
    with suppress(OSError), open(os.devnull, "wb") as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
