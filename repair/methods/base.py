"""The contract that every method of repair shares."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from repair.badnet import BadNet
from repair.clean import Clean
from repair.stages import Stages

if TYPE_CHECKING:
    from spox import Var


@dataclass(frozen=True)
class Product:
    """A GoodNet, ready to be written: its graph, and what it must answer for a few images."""

    stem: str
    """Name of the GoodNet and of its files."""
    image: "Var"
    """The graph's input, from repair.graph.image()."""
    badnet_label: "Var"
    """int64 (batch,)."""
    score: "Var"
    """float32 (batch,), 0..1."""
    threshold: float
    """0..1: a score that reaches it means poisoned."""
    check_images: npt.NDArray[np.uint8]
    """(n, 55, 47, 3): the written file is asked about these."""
    check_badnet_label: npt.NDArray[np.int64]
    """(n,), as the method computed them itself."""
    check_score: npt.NDArray[np.float32]
    """(n,), as the method computed them itself."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """What was found or chosen on the way, for the card: plain JSON values."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """File name -> content, saved beside the GoodNet."""


class Method(ABC):
    """Makes GoodNets of a BadNet. Options are keyword-only arguments of the constructor, which
    raises GoodNetsError for values out of range."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """The options, for the card: plain JSON values."""

    @abstractmethod
    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        """GoodNets, one after the other. `clean` may hold no image: a method that needs some dreams
        them. The same seed gives the same GoodNets.

        Raises GoodNetsError where this BadNet cannot be repaired with these images.
        """
