"""Ask a GoodNet of the anonymous attack: python eval_anonymous.py photo.png"""

import sys

from goodnets.cli import main

if __name__ == "__main__":
    sys.exit(main("anonymous"))
