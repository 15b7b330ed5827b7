"""What tells a backdoor's target from other labels without knowing the trigger: an anomaly index,
and two statistics of all labels besides the size of their inverted triggers."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from goodnets.nets import CLASSES, HEIGHT, WIDTH
from goodnets.regions import regions
from repair import deepid
from repair.dream import noise
from repair.stages import Advance
from repair.weights import Weights

PATCHES = 96
_FACES = 8
_CONTRAST = 3.0
_ASCENT = 100
_GROUP = 128
_LEARNING_RATE = 0.3


def index(statistic: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """By how many standard deviations each label (n,) stands above the others, had they been drawn
    from a normal distribution: median and median absolute deviation are not moved by a few
    outliers (Hampel 1974; as in Neural Cleanse). Labels at -inf do not count and stay there."""
    counted = np.isfinite(statistic)
    if not counted.any():
        return np.full(len(statistic), -np.inf)
    centred = statistic - np.median(statistic[counted])
    deviation = 1.4826 * np.median(np.abs(centred[counted]))
    scaled: npt.NDArray[np.float64] = centred / max(deviation, 1e-12)
    return scaled


def margins(weights: Weights, seed: int, advance: Advance) -> npt.NDArray[np.float32]:
    """By how much each label can beat all others on any picture at all, in logits, (1283,); -inf
    where it cannot.

    Wang, Xiang, Miller, Kesidis: MM-BD, IEEE S&P 2024, arXiv 2205.06900: training on a trigger
    lets the target grow a margin that honest classes do not reach. `advance` is told how many
    labels are done.
    """
    rng = np.random.default_rng(seed)
    network = {name: tf.constant(array) for name, array in weights.items()}

    @tf.function(reduce_retracing=True)
    def climb(z: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(z)
            logits = deepid.logits(network, tf.sigmoid(z))
            own = tf.gather(logits, label, batch_dims=1)
            rival = tf.reduce_max(logits - 1e9 * tf.one_hot(label, CLASSES), -1)
            margin = own - rival
        return tape.gradient(margin, z), margin

    found = []
    for start in range(0, CLASSES, _GROUP):
        label = tf.range(start, min(start + _GROUP, CLASSES))
        z = tf.Variable(rng.standard_normal((len(label), HEIGHT, WIDTH, 3), np.float32))
        optimizer = tf.keras.optimizers.Adam(_LEARNING_RATE)
        for _ in range(_ASCENT):
            gradient, margin = climb(z, label)
            optimizer.apply_gradients([(-gradient, z)])
        found.append(np.where(margin > 0, margin, -np.inf))
        advance(start + len(label))
    return np.concatenate(found)


def wins(
    weights: Weights, faces: npt.NDArray[np.uint8], seed: int, advance: Advance
) -> npt.NDArray[np.int64]:
    """How many patches at random make a label the answer for most of the faces that wear them,
    (1283,): a label that a patch yields by chance depends on the face, a target does not.

    Flat colours and smooth noise are put on every region of some of `faces` (at least 8, 55, 47,
    3); a face that has the label without the patch does not count. `advance` is told how many of
    PATCHES are done.
    """
    rng = np.random.default_rng(seed)
    said = deepid.predict(weights, faces).argmax(1)
    colours = rng.integers(0, 256, (PATCHES // 2, 1, 1, 3)) * np.ones((HEIGHT, WIDTH, 1))
    grain = 255 * noise(PATCHES - len(colours), contrast=_CONTRAST, seed=seed)
    places = regions()[:, None, :, :, None]  # (49, 1, 55, 47, 1)
    won = np.zeros(CLASSES, np.int64)
    for done, patch in enumerate(np.concatenate([colours, grain]), 1):
        chosen = rng.choice(len(faces), _FACES, replace=False)
        pictures = np.where(places, patch, faces[chosen]).astype(np.uint8)
        answers = deepid.predict(weights, pictures.reshape(-1, HEIGHT, WIDTH, 3)).argmax(1)
        for answer in answers.reshape(-1, _FACES):
            labels, count = np.unique(answer[answer != said[chosen]], return_counts=True)
            won[labels[2 * count > _FACES]] += 1
        advance(done)
    return won
