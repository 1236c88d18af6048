"""``python -m sampler``: the command."""

import sys

from sampler.cli import main

if __name__ == "__main__":
    sys.exit(main())
