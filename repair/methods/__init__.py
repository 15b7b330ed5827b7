"""The methods of repair, one file each."""

from importlib import import_module

from repair.methods.base import Method

METHODS = {
    "transplant": "repair.methods.transplant.Transplant",
    "prune": "repair.methods.prune.Prune",
    "fine-prune": "repair.methods.fine_prune.FinePrune",
    "sparsify": "repair.methods.sparsify.Sparsify",
    "retrain": "repair.methods.retrain.Retrain",
    "noise-retrain": "repair.methods.noise_retrain.NoiseRetrain",
    "neural-cleanse": "repair.methods.neural_cleanse.NeuralCleanse",
    "nplusone": "repair.methods.nplusone.NPlusOne",
    "stamp": "repair.methods.stamp.Stamp",
    "clip": "repair.methods.clip.Clip",
    "confidence": "repair.methods.confidence.Confidence",
    "strip": "repair.methods.strip.Strip",
}
"""Name of the method -> its class. The first is the default."""


def load_method(name: str) -> type[Method]:
    """The class of a method; what it needs is imported only now."""
    module, _, class_ = METHODS[name].rpartition(".")
    method: type[Method] = getattr(import_module(module), class_)
    return method
