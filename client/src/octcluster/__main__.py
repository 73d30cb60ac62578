"""Lets ``python -m octcluster`` do what the command ``octcluster`` does."""

import sys

from octcluster.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
