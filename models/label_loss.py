"""The cross-entropy between labels that a generator computes and those of the data."""

from torch import Tensor
from torch.nn.functional import cross_entropy

from pixlate.errors import OptionError

from .context import ModelContext

#: The logits of a class are its output times this: outputs are in [-1, 1], which alone could not make a class likely.
LOGIT_SCALE = 4.0
NONE = -100  # the class of pixels that are left out of the mean, as torch's cross_entropy has it


def require_labels(context: ModelContext) -> None:
    """Raise OptionError where the data's output is known to be no labels."""
    field = (context.fields or {}).get("B")
    if field is not None and field.kind != "labels":
        raise OptionError(
            "--label_loss cross_entropy needs an output of labels: declare it, as in --field B=labels:11."
        )


def label_cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """The mean cross-entropy over pixels of N×classes×H×W outputs in [-1, 1] and targets, 1 for the class of a pixel.

    Pixels without a class are left out.
    """
    classes = target.argmax(1)
    classes[target.amax(1) < 0] = NONE
    return cross_entropy(LOGIT_SCALE * output, classes, ignore_index=NONE)
