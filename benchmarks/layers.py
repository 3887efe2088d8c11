"""The convolutions that pixlate computes with other kernels than torch, at the sizes of its models."""

from torch import nn

from pixlate.models.networks.convolutions import InnerConv2d, InnerConvTranspose2d, NarrowConv2d

#: The name of torch's layers, with which pixlate's are compared.
TORCH = "torch"

Kind = type[nn.Conv2d] | type[nn.ConvTranspose2d]

#: The classes of pixlate and of torch, channels in and out, kernel, stride, padding, and the side of the input.
LAYERS: dict[str, tuple[Kind, Kind, tuple[int, int, int, int, int], int]] = {
    "U-Net, 2×2 to 1×1": (InnerConv2d, nn.Conv2d, (512, 512, 4, 2, 1), 2),
    "U-Net, 16×16 to 8×8": (InnerConv2d, nn.Conv2d, (512, 512, 4, 2, 1), 16),
    "U-Net, 2×2 to 4×4": (InnerConvTranspose2d, nn.ConvTranspose2d, (1024, 512, 4, 2, 1), 2),
    "U-Net, 8×8 to 16×16": (InnerConvTranspose2d, nn.ConvTranspose2d, (1024, 512, 4, 2, 1), 8),
    "ResNet, last layer": (NarrowConv2d, nn.Conv2d, (64, 3, 7, 1, 0), 262),
}


def build_layer(name: str, *, ours: bool) -> tuple[nn.Module, tuple[int, int, int, int]]:
    """A layer of that name, of pixlate or of torch, and the shape of its input."""
    our_class, torch_class, (channels, output_channels, kernel, stride, padding), side = LAYERS[name]
    layer = (our_class if ours else torch_class)(channels, output_channels, kernel, stride=stride, padding=padding)
    return layer, (1, channels, side, side)
