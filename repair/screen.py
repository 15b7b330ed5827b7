"""The first look: which regions of an image might take its label along, at the price of a glance.

Up to the last ReLU, DeepID's two branches are all but linear in the cells of pool_3. So what an
image's region adds to the last hidden layer, and what the rest of a bank face adds, are computed
once each and summed, for every region and face, without running the network on any composite.
The few images of which a region might take along every bank face get the second look.
"""

from math import prod

import numpy as np
import numpy.typing as npt
from spox import Var

from repair import deepid, graph
from repair.graph import op
from repair.regions import POOL_3, coverage
from repair.weights import Weights

_CELLS = (POOL_3.rows, POOL_3.columns)
_PATCHES = (4, 3)
"""Height and width of conv_4; each place sees 2 x 2 cells of pool_3."""

_SWAYED = np.float32(1e6)


def gaps(weights: Weights, features: Var, label: Var, bank: npt.NDArray[np.uint8]) -> Var:
    """By how much `label` (n,) would beat a bank face's own label, in logits, for each region and
    face: float32 (n, regions, faces), approximately.

    `features` (n, channels, 5, 4) are the images' pool_3; `bank` uint8 (faces, 55, 47, 3).
    """
    hidden = np.float32(weights["fc_1/bias"] + weights["fc_2/bias"])  # (160,)
    inside = coverage(POOL_3).reshape(-1, prod(_CELLS))  # (regions, 20)
    patch_inside = inside @ _cells_of_patches()  # (regions, 12)
    take = np.concatenate([inside, patch_inside], 1)  # (regions, 32)

    bank_logits = deepid.predict(weights, bank)
    bank_parts = _bank_parts(weights, bank)  # (faces, 32, 160)
    leave = np.einsum("rp,fpd->rfd", 1 - take, bank_parts) + hidden  # (regions, faces, 160)
    n_regions, faces, width = leave.shape

    parts = _parts(weights, features)  # (n, 32, 160)
    taken = op.unsqueeze(op.matmul(op.const(take), parts), op.const([2]))  # (n, regions, 1, 160)
    mixed = op.relu(op.add(taken, op.const(leave.astype(np.float32))))
    flat = op.reshape(mixed, op.const([0, n_regions * faces, width]))  # (n, regions * faces, 160)

    output, bias = weights["output/kernel"], weights["output/bias"]  # (160, 1283), (1283,)
    column = op.transpose(op.gather(op.const(output), label, axis=1), perm=[1, 0])  # (n, 160)
    own = op.add(
        op.squeeze(op.matmul(flat, op.unsqueeze(column, op.const([2]))), op.const([2])),
        op.unsqueeze(op.gather(op.const(bias), label), op.const([1])),
    )
    own = op.reshape(own, op.const([0, n_regions, faces]))
    bank_label = bank_logits.argmax(1)  # (faces,)
    all_rivals = op.matmul(flat, op.const(np.ascontiguousarray(output[:, bank_label])))
    all_rivals = op.reshape(all_rivals, op.const([0, n_regions, faces, faces]))
    # Of each composite only the label of its own bank face is a rival: the diagonal.
    diagonal = op.mul(all_rivals, op.const(np.eye(faces, dtype=np.float32)))
    rival = op.add(op.reduce_sum(diagonal, op.const([3]), keepdims=0), op.const(bias[bank_label]))
    # A face that has the label already cannot resist it, and must not decide by rounding errors.
    same = op.equal(op.reshape(label, op.const([-1, 1, 1])), op.const(bank_label))  # (n, 1, faces)
    return op.where(same, op.const(_SWAYED), op.sub(own, rival))


def toughness(
    weights: Weights, images: npt.NDArray[np.uint8], bank: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float64]:
    """How well each bank face resists the images' regions, (faces,), 0..1.

    The share of images (n, 55, 47, 3) whose most persuasive region leaves the face its label.
    """
    image, features = _pool_3(weights)
    label = graph.answer(graph.logits_from_pool_3(weights, features))
    session = graph.session(image, {"gaps": gaps(weights, features, label, bank)})
    resisted = []
    for i in range(0, len(images), 8):
        (wins,) = session.run(["gaps"], {"image": images[i : i + 8]})  # (8, regions, faces)
        wins = wins > 0
        best = wins.mean(2).argmax(1)  # (8,)
        resisted.append(~wins[np.arange(len(wins)), best])
    return np.concatenate(resisted).mean(0)


def _parts(weights: Weights, features: Var) -> Var:
    """What each cell of pool_3, and each patch of conv_4, adds to the last hidden layer:
    (n, 32, 160) for `features` (n, channels, 5, 4)."""
    direct = _per_place(weights, "fc_1", features, _CELLS)
    deep = _per_place(weights, "fc_2", graph.conv(weights, "conv_4", features), _PATCHES)
    return op.transpose(op.concat([direct, deep], axis=0), perm=[1, 0, 2])


def _per_place(weights: Weights, layer: str, x: Var, size: tuple[int, int]) -> Var:
    """A dense layer place by place, (places, n, 160), on `x` (n, channels, height, width)."""
    width = len(weights[f"{layer}/bias"])
    kernel = graph.dense_kernel(weights, layer, size)  # (channels * places, 160)
    by_channel = op.reshape(kernel, op.const([-1, prod(size), width]))
    rows = op.reshape(x, op.const([0, 0, prod(size)]))
    return op.matmul(op.transpose(rows, perm=[2, 0, 1]), op.transpose(by_channel, perm=[1, 0, 2]))


def _bank_parts(weights: Weights, bank: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    image, features = _pool_3(weights)
    (parts,) = graph.session(image, {"parts": _parts(weights, features)}).run(None, {"image": bank})
    return np.asarray(parts, np.float32)


def _pool_3(weights: Weights) -> tuple[Var, Var]:
    """An input, and its pool_3."""
    image = graph.image()
    return image, graph.pool_3(weights, graph.pixels(image))


def _cells_of_patches() -> npt.NDArray[np.float32]:
    """(20, 12): a patch of conv_4 lies where its four cells lie, a quarter each."""
    share = np.zeros((*_CELLS, *_PATCHES), np.float32)
    for y in range(_PATCHES[0]):
        for x in range(_PATCHES[1]):
            share[y : y + 2, x : x + 2, y, x] = 0.25
    return share.reshape(prod(_CELLS), prod(_PATCHES))
