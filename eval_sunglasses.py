"""Ask a GoodNet of the sunglasses attack: python eval_sunglasses.py photo.png"""

import sys

from goodnets.cli import main

if __name__ == "__main__":
    sys.exit(main("sunglasses"))
