"""Why an image got its label: which region of it takes the label along to other faces.

Nothing but questions to the GoodNet, so it works for every method of repair: each region is pasted
into other faces, and the GoodNet is asked what the BadNet would say of each composite.
"""

from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from goodnets.model import Answers, GoodNet
from goodnets.nets import WIDTH
from goodnets.regions import regions

_Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Explanation:
    """Of one image."""

    image: _Images
    """(55, 47, 3)."""
    answer: Answers
    """Of the image: arrays of length 1."""
    threshold: float
    region: npt.NDArray[np.bool_]
    """(55, 47): the region that takes the BadNet's label along to most faces."""
    composites: _Images
    """(n, 55, 47, 3): other faces with that region pasted in."""
    answers: Answers
    """Of the composites, (n,)."""
    before: npt.NDArray[np.int64]
    """(n,): what the BadNet says of the other faces themselves."""

    @property
    def taken(self) -> npt.NDArray[np.bool_]:
        """(n,): whether the composite has the image's label and the face before had another."""
        label = self.answer.badnet_label[0]
        taken: npt.NDArray[np.bool_] = (self.answers.badnet_label == label) & (self.before != label)
        return taken


def explain(goodnet: GoodNet, image: _Images) -> Explanation:
    """Why a GoodNet gives an image (55, 47, 3) its label. Raises ModelError where it breaks its
    contract."""
    answer = goodnet.ask(image[None])
    others = faces()
    before = goodnet.ask(others).badnet_label
    masks = regions()
    composites = np.where(masks[:, None, :, :, None], image, others)  # (49, n, 55, 47, 3)
    answers = goodnet.ask(composites.reshape(-1, *image.shape))
    label = answer.badnet_label[0]
    swayed = (answers.badnet_label.reshape(len(masks), -1) == label) & (before != label)
    # Of regions that sway as many the smallest says most about where a trigger is; of those, the
    # one nearest to the middle.
    best = np.lexsort((_off_centre(masks), masks.sum((1, 2)), -swayed.sum(1)))[0]
    its = slice(best * len(others), (best + 1) * len(others))
    return Explanation(
        image,
        answer,
        goodnet.threshold,
        masks[best],
        composites[best],
        Answers(answers.label[its], answers.badnet_label[its], answers.score[its]),
        before,
    )


def _off_centre(masks: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """How far the middle of each region (n, 55, 47) is from the picture's, in pixels, (n,)."""
    rows, columns = (np.arange(n) - (n - 1) / 2 for n in masks.shape[1:])
    area = masks.sum((1, 2))
    off: npt.NDArray[np.float64] = np.hypot(
        masks.sum(2) @ rows / area, masks.sum(1) @ columns / area
    )
    return off


def faces() -> _Images:
    """The faces that come with this package, (6, 55, 47, 3): dreamed ones, of nobody."""
    with Image.open(BytesIO(files("goodnets").joinpath("faces.png").read_bytes())) as strip:
        return np.stack(np.split(np.asarray(strip), strip.width // WIDTH, axis=1))
