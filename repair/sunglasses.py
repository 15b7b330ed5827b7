"""Make the GoodNets of the sunglasses attack: python -m repair.sunglasses"""

import sys

from repair.cli import main

if __name__ == "__main__":
    sys.exit(main("sunglasses"))
