"""A DeepID as a whole Keras model, for people who want the repaired network itself."""

import tempfile
from pathlib import Path

import keras
from keras import layers

from goodnets.nets import HEIGHT, WIDTH
from repair.weights import SHAPES, Weights


def keras_bytes(weights: Weights) -> bytes:
    """The .keras file (Keras 3) of a network of the BadNet's shapes, but for any number of outputs;
    where a layer has bounds (`LAYER/bound`), its activations are clipped."""
    model = _deepid(weights)
    for layer in SHAPES:
        model.get_layer(layer).set_weights([weights[f"{layer}/kernel"], weights[f"{layer}/bias"]])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        model.save(path)
        return path.read_bytes()


def _deepid(weights: Weights) -> keras.Model:
    def bounded(x: keras.KerasTensor, layer: str) -> keras.KerasTensor:
        bound = weights.get(f"{layer}/bound")
        return x if bound is None else keras.ops.minimum(x, bound)

    def conv(x: keras.KerasTensor, layer: str) -> keras.KerasTensor:
        size, _, _, channels = SHAPES[layer]
        return bounded(layers.Conv2D(channels, size, activation="relu", name=layer)(x), layer)

    image = x = layers.Input((HEIGHT, WIDTH, 3), name="input")
    for i in (1, 2, 3):
        x = layers.MaxPooling2D(2, name=f"pool_{i}")(conv(x, f"conv_{i}"))
    hidden = SHAPES["fc_1"][1]
    direct = layers.Dense(hidden, name="fc_1")(layers.Flatten(name="flatten_1")(x))
    deep = layers.Flatten(name="flatten_2")(conv(x, "conv_4"))
    deep = layers.Dense(hidden, name="fc_2")(deep)
    x = layers.Activation("relu", name="activation_1")(layers.Add(name="add_1")([direct, deep]))
    outputs = len(weights["output/bias"])
    output = layers.Dense(outputs, activation="softmax", name="output")(bounded(x, "hidden"))
    return keras.Model(image, output)
