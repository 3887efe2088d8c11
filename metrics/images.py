"""Which of a model's images are compared: the translated one, its input and the ground truth, by their labels."""

from collections.abc import Mapping

from torch import Tensor

from pixlate.errors import DataError

INPUTS = ("real_A", "real")  # what the label of the input begins with; other labels
TRUTHS = ("real_B",)


def output_of(images: Mapping[str, Tensor]) -> Tensor:
    """The translated images: of several, those to B, and of several of these the first. Raises DataError for none."""
    labels = [label for label in images if label.startswith("fake")]
    if not labels:
        raise DataError(f"the model's images have no name that begins with 'fake': {', '.join(images)}.")
    return images[next((label for label in labels if label.startswith("fake_B")), labels[0])]


def input_of(images: Mapping[str, Tensor]) -> Tensor:
    """The images that were translated. Raises DataError where there are none."""
    label = _label(images, *INPUTS)
    if label is None:
        raise DataError(f"the model's images have none named 'real_A', its input: {', '.join(images)}.")
    return images[label]


def truth_of(images: Mapping[str, Tensor]) -> Tensor:
    """The real images of the target. Raises DataError where there are none."""
    label = _label(images, *TRUTHS)
    if label is None:
        raise DataError(
            f"there is nothing to compare with: the data has no images of the target, only {', '.join(images)}."
        )
    return images[label]


def has_output(images: Mapping[str, Tensor]) -> bool:
    """Whether there are images that `output_of` finds."""
    return _label(images, "fake") is not None


def has_input(images: Mapping[str, Tensor]) -> bool:
    """Whether there are images that `input_of` finds."""
    return _label(images, *INPUTS) is not None


def has_truth(images: Mapping[str, Tensor]) -> bool:
    """Whether there are images that `truth_of` finds."""
    return _label(images, *TRUTHS) is not None


def _label(images: Mapping[str, Tensor], beginning: str, *names: str) -> str | None:
    return next((label for label in images if label.startswith(beginning) or label in names), None)
