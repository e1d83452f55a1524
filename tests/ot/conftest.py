"""Make the contracts importable. This folder is no package: its name would hide POT's, which is `ot` too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
