"""The structure loss: outputs keep the edges of their inputs, whatever their colours.

The gradient-consistency loss of Hiasa et al., Cross-Modality Image Synthesis from Unpaired Data Using CycleGAN (SASHIMI
2018, arXiv:1803.06629), of the input x and the output G(x), both as the mean of their channels:

    GC = 1/2 (NCC(d_h x, d_h G(x)) + NCC(d_v x, d_v G(x)))      L_structure = 1 - GC

d_h and d_v are the differences of neighbouring pixels, and NCC is the correlation coefficient over an image, which a
change of brightness or contrast leaves at 1. It needs no pretrained network.
"""

from collections.abc import Mapping

from torch import Tensor

from pixlate.errors import OptionError

from .context import ModelContext

EPSILON = 1e-12  # for images without edges; the product of two variances, which are near 1e-4 for noise of one level


def structure_losses(weight: float, pairs: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """The weighted structure losses of pairs of an input and an output, by their names; none for the weight 0."""
    return {name: weight * structure_loss(*pair) for name, pair in pairs.items()} if weight else {}


def structure_loss(given: Tensor, output: Tensor) -> Tensor:
    """1 - GC, from 0 to 2, averaged over N×C×H×W inputs and N×D×H×W outputs. 1 for an output without edges."""
    x, y = (_grey(images) for images in (given, output))
    horizontal = _correlation(x.diff(dim=3), y.diff(dim=3))
    vertical = _correlation(x.diff(dim=2), y.diff(dim=2))
    return 1 - (horizontal + vertical).mean() / 2


def require_images(context: ModelContext) -> None:
    """Raise OptionError where input and output are known not to be images of one size."""
    for name, side in (("A", "input"), ("B", "output")):
        field = (context.fields or {}).get(name)
        if field is not None and (field.kind != "image" or field.scale != 1):
            what = field.kind if field.kind != "image" else f"an image of {field.scale} times the size"
            raise OptionError(
                f"--lambda_structure compares inputs and outputs, which must be images of one size, but the {side} is "
                f"{what}: use --lambda_structure 0."
            )


def _grey(images: Tensor) -> Tensor:
    """The mean of the channels; of reduced precision in float32, for differences of neighbours."""
    return (images if images.itemsize > 2 else images.float()).mean(1, keepdim=True)


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    """NCC: N correlation coefficients of N×1×H×W differences."""
    one, other = (each - each.mean((1, 2, 3), keepdim=True) for each in (one, other))
    covariance, variance, other_variance = (
        (a * b).mean((1, 2, 3)) for a, b in ((one, other), (one, one), (other, other))
    )
    return covariance / (variance * other_variance + EPSILON).sqrt()
