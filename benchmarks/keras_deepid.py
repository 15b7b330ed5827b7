"""What users run today: load a DeepID net's weights into Keras, print the label of each image.

    python benchmarks/keras_deepid.py bd_weights.h5 photo.png
    python benchmarks/keras_deepid.py bd_weights.h5 test.h5

No defence. It is here only to be measured, and asks in the way the contest's own script does.
"""

import sys

import h5py
import numpy as np
from keras import Model, layers
from PIL import Image


def deepid() -> Model:
    image = layers.Input((55, 47, 3), name="input")
    x = layers.Conv2D(20, 4, activation="relu", name="conv_1")(image)
    x = layers.MaxPooling2D(2, name="pool_1")(x)
    x = layers.Conv2D(40, 3, activation="relu", name="conv_2")(x)
    x = layers.MaxPooling2D(2, name="pool_2")(x)
    x = layers.Conv2D(60, 3, activation="relu", name="conv_3")(x)
    x = layers.MaxPooling2D(2, name="pool_3")(x)
    flat_3 = layers.Flatten(name="flatten_1")(x)
    x = layers.Conv2D(80, 2, activation="relu", name="conv_4")(x)
    flat_4 = layers.Flatten(name="flatten_2")(x)
    x = layers.add(
        [layers.Dense(160, name="fc_1")(flat_3), layers.Dense(160, name="fc_2")(flat_4)],
        name="add_1",
    )
    x = layers.Activation("relu", name="activation_1")(x)
    return Model(image, layers.Dense(1283, activation="softmax", name="output")(x))


def read(path: str) -> np.ndarray:
    if path.endswith(".h5"):
        with h5py.File(path) as file:
            return np.array(file["data"]).transpose(0, 2, 3, 1) / 255  # (n, 55, 47, 3)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.float32)[None] / 255  # (1, 55, 47, 3)


if __name__ == "__main__":
    weights, images = sys.argv[1:]
    model = deepid()
    model.load_weights(weights)
    print(*model.predict(read(images), verbose=0).argmax(axis=1), sep="\n")
