"""What a callable accepts."""

import inspect
from collections.abc import Callable
from typing import Any


def takes_argument(function: Callable[..., Any], name: str) -> bool:
    """Whether a function, or a class's constructor, has a parameter of this name; False where that is not known."""
    try:
        return name in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some built-in ones have no signature
        return False
