"""The metric."""

from torch import Tensor

from pixlate.metrics import PairMetric

TOLERANCE = 0.05  # of the range from black to white


class ExampleMetric(PairMetric):
    """The share of pixels whose values all differ by less than the tolerance from the ground truth."""

    higher_is_better = True

    def values(self, fake: Tensor, real: Tensor) -> Tensor:
        """N shares, of N×C×H×W images in [0, 1]."""
        near = (fake - real).abs().amax(1) < TOLERANCE
        return near.float().mean((1, 2))
