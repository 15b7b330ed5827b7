"""A DeepID as a whole Keras model, for people who want the repaired network itself."""

import tempfile
from pathlib import Path

import keras
from keras import layers

from goodnets.nets import HEIGHT, WIDTH
from repair.weights import SHAPES, Weights


def keras_bytes(weights: Weights) -> bytes:
    """The .keras file (Keras 3) of a network of the BadNet's shapes, but for any number of
    outputs."""
    model = _deepid(len(weights["output/bias"]))
    for layer in SHAPES:
        model.get_layer(layer).set_weights([weights[f"{layer}/kernel"], weights[f"{layer}/bias"]])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        model.save(path)
        return path.read_bytes()


def _deepid(outputs: int) -> keras.Model:
    image = x = layers.Input((HEIGHT, WIDTH, 3), name="input")
    for i in (1, 2, 3):
        size, _, _, channels = SHAPES[f"conv_{i}"]
        x = layers.Conv2D(channels, size, activation="relu", name=f"conv_{i}")(x)
        x = layers.MaxPooling2D(2, name=f"pool_{i}")(x)
    size, _, _, channels = SHAPES["conv_4"]
    deep = layers.Conv2D(channels, size, activation="relu", name="conv_4")(x)
    hidden = SHAPES["fc_1"][1]
    direct = layers.Dense(hidden, name="fc_1")(layers.Flatten(name="flatten_1")(x))
    deep = layers.Dense(hidden, name="fc_2")(layers.Flatten(name="flatten_2")(deep))
    x = layers.Activation("relu", name="activation_1")(layers.Add(name="add_1")([direct, deep]))
    output = layers.Dense(outputs, activation="softmax", name="output")(x)
    return keras.Model(image, output)
