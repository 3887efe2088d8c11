"""Where things are: the repository's root, and the golden numbers of the tests."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
