"""``python -m infot`` is ``infot``."""

import sys

from infot.cli import main

if __name__ == "__main__":
    sys.exit(main())
