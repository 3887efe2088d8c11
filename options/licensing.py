"""The options that state the licence of weights and the origin of the data."""

from dataclasses import dataclass
from typing import ClassVar

from .fields import Scope, option


@dataclass(frozen=True)
class LicensingOptions:
    """What those who use the trained weights must know; stored with the run, and carried along by exports."""

    TITLE: ClassVar[str] = "Licensing"

    license: str = option(
        "",
        "licence of the trained weights, such as 'CC BY 4.0'; stored with the run, its exports and their outputs",
        scope=Scope.TRAINING,
    )
    data_origin: str = option(
        "",
        "where the training data came from, such as its name and address; stored like the licence",
        scope=Scope.TRAINING,
    )
