"""The films of training/films.py, for benchmarks: that folder is none of a benchmark's own."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "training"))

from films import *  # noqa: F403, E402
from verifier_data import *  # noqa: F403, E402
