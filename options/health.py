"""The option of the health monitor."""

from dataclasses import dataclass
from typing import ClassVar

from .fields import option


@dataclass(frozen=True)
class HealthOptions:
    """Warnings about a training that goes wrong."""

    TITLE: ClassVar[str] = "Health"

    health: bool = option(
        True, "look at each display for signs that the training goes wrong, and warn of them", flag="--no_health"
    )
