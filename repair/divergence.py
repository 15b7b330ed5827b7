"""How alike two answers of a network are: exp(-Kullback-Leibler divergence), 0..1."""

import numpy as np
import numpy.typing as npt
from spox import Var

from repair.graph import op


def likeness(before: Var, after: Var) -> Var:
    """Of answers with logits `before` and `after` (batch, 1283): (batch,), 1 where they agree."""
    log_p = op.log_softmax(before, axis=1)
    ratio = op.sub(log_p, op.log_softmax(after, axis=1))
    divergence = op.reduce_sum(op.mul(op.exp(log_p), ratio), op.const([1]), keepdims=0)
    return op.clip(op.exp(op.neg(divergence)), op.const(np.float32(0)), op.const(np.float32(1)))


def likeness_of(
    before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """The same of arrays: logits (n, 1283) both, the result (n,)."""
    log_p, log_q = (_log_softmax(logits) for logits in (before, after))
    divergence = (np.exp(log_p) * (log_p - log_q)).sum(1)
    return np.clip(np.exp(-divergence), 0, 1).astype(np.float32)


def _log_softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    result: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return result
