"""TensorFlow, reproducible and without what it says about itself on standard error."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from goodnets.errors import GoodNetsError


def load_tensorflow() -> None:
    """Import TensorFlow and wake it up, unheard; whoever imports it later gets it at once.

    Raises GoodNetsError where it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _standard_error_closed():
            import tensorflow as tf

            # The order in which threads add up their gradients would show in the last digits.
            tf.config.experimental.enable_op_determinism()
            tf.constant(0.0) + 1  # devices are looked for at the first use
    except ImportError as error:
        raise GoodNetsError(
            f"TensorFlow cannot be loaded ({error}); get it with: pip install '.[repair]'"
        ) from None


@contextmanager
def _standard_error_closed() -> Iterator[None]:
    # Below Python: C++ code writes to the descriptor before any log level is looked at.
    try:
        kept = os.dup(2)
    except OSError:  # closed already
        yield
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
