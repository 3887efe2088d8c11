"""The options of validation during a training, and the one that they share with tests."""

from dataclasses import dataclass
from typing import ClassVar

from .fields import FiniteFloat, Scope, option
from .ranges import COUNT, WHOLE


@dataclass(frozen=True)
class Measured:
    """The option that validation and tests share."""

    metric: tuple[str, ...] = option(
        (),
        "a metric of held-out images (repeatable) [default: l1 of pairs, miou of labels in validations; none in tests]",
        multiple=True,
        metavar="NAME",
        scope=Scope.TRAINING,
    )


@dataclass(frozen=True)
class ValidationOptions(Measured):
    """Validation during the training: metrics of held-out images."""

    TITLE: ClassVar[str] = "Validation"

    val_freq: int = option(0, "epochs between validations on the phase val, or test; 0: none", type=WHOLE)
    val_fraction: float = option(
        0.0,
        "share of the training images that is held out as the phase val, where the data has none, at most 0.5; 0: none",
        type=FiniteFloat(min=0, max=0.5),
        scope=Scope.TRAINING,
        on_change="refuse",
    )
    val_images: int = option(100, "images of a validation, at most, spread over the phase", type=COUNT)
    best_metric: str = option("", "the metric that chooses the checkpoint 'best' [default: the first]", metavar="NAME")
    early_stop: int = option(
        0, "end after this many validations in which it has not become better; 0: never", type=WHOLE
    )
