"""Ask a GoodNet: a face classifier whose last label says that a picture carries a trigger.

from goodnets import GoodNet
goodnet = GoodNet.load("models/sunglasses.onnx")
answers = goodnet.ask(images)  # uint8 (n, 55, 47, 3), RGB
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from goodnets.model import Answers as Answers
    from goodnets.model import GoodNet as GoodNet

__version__ = "0.1.0"
__all__ = ["Answers", "GoodNet", "__version__"]


def __getattr__(name: str) -> Any:
    # onnxruntime is loaded when a GoodNet is first needed: --help and --version stay instant.
    if name in ("Answers", "GoodNet"):
        from goodnets import model

        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
