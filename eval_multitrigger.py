"""Ask a GoodNet of the multitrigger attack: python eval_multitrigger.py photo.png"""

import sys

from goodnets.cli import main

if __name__ == "__main__":
    sys.exit(main("multitrigger"))
