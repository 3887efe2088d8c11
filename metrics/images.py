"""Which of a model's images are compared: the translated one and the ground truth, by their labels."""

from collections.abc import Mapping

from torch import Tensor

from pixlate.errors import DataError


def output_of(images: Mapping[str, Tensor]) -> Tensor:
    """The translated images: of several, those to B, and of several of these the first. Raises DataError for none."""
    labels = [label for label in images if label.startswith("fake")]
    if not labels:
        raise DataError(f"the model's images have no name that begins with 'fake': {', '.join(images)}.")
    return images[next((label for label in labels if label.startswith("fake_B")), labels[0])]


def truth_of(images: Mapping[str, Tensor]) -> Tensor:
    """The real images of the target. Raises DataError where there are none."""
    label = next((label for label in images if label.startswith("real_B")), None)
    if label is None:
        raise DataError(
            f"there is nothing to compare with: the data has no images of the target, only {', '.join(images)}."
        )
    return images[label]
