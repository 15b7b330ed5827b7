"""Make the GoodNets of the anonymous attack: python -m repair.anonymous"""

import sys

from repair.cli import main

if __name__ == "__main__":
    sys.exit(main("anonymous"))
