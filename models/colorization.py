"""Colourization: pix2pix from the lightness of an image to its colours, in CIELAB (section 4 of the pix2pix paper)."""

from collections.abc import Mapping

from torch import Tensor

from pixlate.options.shared import ModelOptions
from pixlate.util.colour import require_colour, rgb_of

from .batch import Batch, StepResult
from .configs import Pix2PixConfig
from .context import ModelContext
from .pix2pix import Pix2Pix


class Colorization(Pix2Pix):
    """The losses of pix2pix. Images: real_A (L*), real_B_rgb, fake_B_rgb, as in the reference."""

    def __init__(self, config: Pix2PixConfig, shared: ModelOptions, context: ModelContext) -> None:
        require_colour("--model colorization")
        super().__init__(config, shared, context)

    def step(self, batch: Batch) -> StepResult:
        result = super().step(batch)
        return StepResult(result.losses, _in_colour(result.detach().images))

    def translation(self, batch: Batch) -> dict[str, Tensor]:
        return _in_colour(super().translation(batch))


def _in_colour(images: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The images of pix2pix, with B in sRGB instead of a* and b*."""
    L = images["real_A"]
    colours = {f"{name}_rgb": rgb_of(L, images[name]) for name in ("real_B", "fake_B") if name in images}
    return {"real_A": L, **colours}
