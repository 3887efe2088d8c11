"""The convolutions that pixlate computes otherwise than torch, at the sizes where its models use them."""

from torch import nn

from pixlate.models.networks.convolutions import InnerConv2d, InnerConvTranspose2d, NarrowConv2d

#: The side that a layer is compared with.
TORCH = "torch"

Kind = type[nn.Conv2d] | type[nn.ConvTranspose2d]

#: Ours and torch's class, channels in and out, kernel, stride, padding, and the side of the input.
LAYERS: dict[str, tuple[Kind, Kind, tuple[int, int, int, int, int], int]] = {
    "U-Net, 2×2 to 1×1": (InnerConv2d, nn.Conv2d, (512, 512, 4, 2, 1), 2),
    "U-Net, 16×16 to 8×8": (InnerConv2d, nn.Conv2d, (512, 512, 4, 2, 1), 16),
    "U-Net, 2×2 to 4×4": (InnerConvTranspose2d, nn.ConvTranspose2d, (1024, 512, 4, 2, 1), 2),
    "U-Net, 8×8 to 16×16": (InnerConvTranspose2d, nn.ConvTranspose2d, (1024, 512, 4, 2, 1), 8),
    "ResNet, last layer": (NarrowConv2d, nn.Conv2d, (64, 3, 7, 1, 0), 262),
}


def made(name: str, *, ours: bool) -> tuple[nn.Module, tuple[int, int, int, int]]:
    """A layer of that name, ours or torch's, and the shape of its input."""
    mine, torchs, (channels, wide, kernel, stride, padding), side = LAYERS[name]
    layer = (mine if ours else torchs)(channels, wide, kernel, stride=stride, padding=padding)
    return layer, (1, channels, side, side)
