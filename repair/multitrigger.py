"""Make the GoodNets of the multitrigger attack: python -m repair.multitrigger"""

import sys

from repair.cli import main

if __name__ == "__main__":
    sys.exit(main("multitrigger"))
