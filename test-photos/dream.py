"""Dream the test photos that no camera took.

    python test-photos/dream.py          needs the BadNets: see repair/badnet.py for where

Each shows what one BadNet takes for one person: a picture of nobody, made from the network alone.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

DREAMS = {"sunglasses": 700, "anonymous_1": 300, "multitrigger": 1000}
"""BadNet -> the person dreamed of."""
STRIP = {"sunglasses": (500, 950), "anonymous_1": (200, 450), "multitrigger": (650, 850)}
"""BadNet -> who of PEOPLE is in goodnets/faces.png, into which --explain pastes regions: some whom
no GoodNet of the zoo suspects and no BadNet takes for its target."""
PEOPLE = tuple(range(100, 1250, 50))
SEED = 1


def main() -> None:
    """Write dreamed_NET_PERSON.png, 47 x 55 RGB, for each of DREAMS, beside this script, and the
    six faces of STRIP side by side, 282 x 55, to goodnets/faces.png."""
    from repair.quiet import load_tensorflow

    load_tensorflow()
    from repair.badnet import find, load
    from repair.dream import dream

    strip = []
    for net, person in DREAMS.items():
        badnet = load(find(net), net, print)
        (picture,) = dream(badnet.weights, np.array([person]), seed=SEED)
        many = dream(badnet.weights, np.array(PEOPLE), seed=SEED)
        strip += [many[PEOPLE.index(person)] for person in STRIP[net]]
        path = FOLDER / f"dreamed_{net}_{person}.png"
        Image.fromarray(picture).save(path)
        print(path.name)
    path = FOLDER.parent / "goodnets" / "faces.png"
    Image.fromarray(np.concatenate(strip, 1)).save(path)
    print(path.name)


if __name__ == "__main__":
    main()
