"""The GoodNet of a BadNet and a repaired network: where they disagree, the image is poisoned.

A backdoor that repair removed leaves an image with trigger to be what it shows, while the BadNet
says the target: so they disagree. They also disagree wherever repair cost accuracy, and agree
wherever the backdoor survived.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from repair import deepid, graph
from repair.badnet import BadNet
from repair.graph import op
from repair.keras_file import keras_bytes
from repair.methods.base import Product
from repair.weights import Weights, write_weights

_CHECKED = 64


def agreement(
    stem: str,
    badnet: BadNet,
    repaired: Weights,
    images: npt.NDArray[np.uint8],
    parameters: Mapping[str, Any],
) -> Product:
    """The GoodNet, to be checked on some of `images` (n, 55, 47, 3); beside it the files of the
    repaired network, of the BadNet's shapes and for the pixels that the BadNet's file expects."""
    image = graph.image()
    x = graph.pixels(image)  # layers that both networks have are computed once: equal nodes merge
    badnet_label = graph.answer(graph.logits(badnet.weights, x))
    repaired_label = graph.answer(graph.logits(repaired, x))

    tried = images[: 4 * _CHECKED]
    logits, repaired_logits = (deepid.predict(net, tried) for net in (badnet.weights, repaired))
    clear = np.flatnonzero(deepid.is_clear(logits) & deepid.is_clear(repaired_logits))[:_CHECKED]
    label = logits[clear].argmax(axis=1)
    as_given = badnet.as_given(repaired)
    return Product(
        stem=stem,
        image=image,
        badnet_label=badnet_label,
        score=op.cast(op.not_(op.equal(badnet_label, repaired_label)), to=np.float32),
        threshold=0.5,
        check_images=tried[clear],
        check_badnet_label=label,
        check_score=(label != repaired_logits[clear].argmax(axis=1)).astype(np.float32),
        parameters=parameters,
        files={f"{stem}.h5": write_weights(as_given), f"{stem}.keras": keras_bytes(as_given)},
    )
