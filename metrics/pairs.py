"""Metrics of an image and its ground truth, by torchmetrics."""

from torch import Tensor

from pixlate.errors import DataError
from pixlate.util.optional import require_extra

from .base import MetricContext, PairMetric

MS_SSIM_SIDE = 161  # pixels: five scales, each half of the one before, and a window of 11


class L1(PairMetric):
    """The mean absolute difference, from 0 to 1."""

    def values(self, fake: Tensor, real: Tensor) -> Tensor:
        return (fake - real).abs().mean((1, 2, 3))


class _TorchMetric(PairMetric):
    higher_is_better = True

    def __init__(self, context: MetricContext) -> None:
        require_extra("torchmetrics", "metrics", f"--metric {type(self).__name__.lower()}")
        super().__init__(context)


class PSNR(_TorchMetric):
    """The peak signal-to-noise ratio in dB, of values from 0 to 1; the infinite one of equal images counts as 100."""

    def values(self, fake: Tensor, real: Tensor) -> Tensor:
        from torchmetrics.functional.image import peak_signal_noise_ratio  # here, because it takes seconds to import

        ratios = peak_signal_noise_ratio(fake, real, data_range=1.0, reduction="none", dim=(1, 2, 3))
        return ratios.clamp(max=100.0)


class SSIM(_TorchMetric):
    """Structural similarity (Wang et al. 2004), with a Gaussian window of 11 pixels; 1 for equal images."""

    def values(self, fake: Tensor, real: Tensor) -> Tensor:
        from torchmetrics.functional.image import structural_similarity_index_measure as ssim

        found: Tensor = ssim(fake, real, data_range=1.0, reduction="none")  # type: ignore[assignment]
        return found


class MS_SSIM(_TorchMetric):
    """Structural similarity on five scales (Wang et al. 2003). Raises DataError for images below 161 pixels."""

    def values(self, fake: Tensor, real: Tensor) -> Tensor:
        from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as ms_ssim

        if min(fake.shape[-2:]) < MS_SSIM_SIDE:
            height, width = fake.shape[-2:]
            raise DataError(f"ms_ssim needs images of {MS_SSIM_SIDE} pixels or more, not {width} x {height}: use ssim.")
        return ms_ssim(fake, real, data_range=1.0, reduction="none", normalize="relu")


class LPIPS(PairMetric):
    """The learned perceptual distance (Zhang et al. 2018) of AlexNet's features.

    AlexNet's weights are downloaded by torchvision, or read from the file that `--weights alexnet=FILE` names. Raises
    DataError where neither is to be had.
    """

    def __init__(self, context: MetricContext) -> None:
        require_extra("torchmetrics", "metrics", "--metric lpips")
        super().__init__(context)
        from .perceptual import perceptual_network

        self._network = perceptual_network(context)

    def values(self, fake: Tensor, real: Tensor) -> Tensor:
        device = self.context.device
        distances: Tensor = self._network(*(_colours(image).to(device) * 2 - 1 for image in (fake, real)))
        return distances


def _colours(image: Tensor) -> Tensor:
    """N×3×H×W of grey or colours. Raises DataError for other channels."""
    if image.shape[1] not in (1, 3):
        raise DataError(f"a network for photographs takes images of 1 or 3 channels, not {image.shape[1]}.")
    return image.expand(-1, 3, -1, -1)
