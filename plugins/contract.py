"""What every model and every data set must do."""

from pathlib import Path
from typing import Any


def check_model(name: str, **options: Any) -> None:
    """Check a model."""


def check_dataset(name: str, dataroot: Path, **options: Any) -> None:
    """Check a data set."""
