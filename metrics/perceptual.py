"""The network of LPIPS: AlexNet with the linear layers that come with torchmetrics."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pixlate.errors import DataError
from pixlate.util.foreign import foreign
from pixlate.util.text import quoted

from .base import MetricContext

ADVICE = "give its file with --weights alexnet=FILE, alexnet-owt-7be5be79.pth of torchvision"


def perceptual_network(context: MetricContext) -> Callable[[Tensor, Tensor], Tensor]:
    """A function of two batches N×3×H×W in [-1, 1] that returns N distances. Raises DataError without weights."""
    from torchmetrics.functional.image.lpips import _LPIPS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torchvision's own arguments
        path = context.weights.get("alexnet")
        network: nn.Module = _LPIPS(pretrained=True, net="alex", pnet_rand=True) if path else _downloaded()
    if path is not None:
        with foreign(lambda problem: DataError(f"{quoted(path)} does not hold AlexNet's weights: {problem}.")):
            state = torch.load(path, map_location="cpu", weights_only=True)
            _load_features(network, state)
    network = network.to(context.device).eval()
    return lambda fake, real: network(fake, real).reshape(-1)


def _downloaded() -> nn.Module:
    from torchmetrics.functional.image.lpips import _LPIPS

    try:
        network: nn.Module = _LPIPS(pretrained=True, net="alex")
    except Exception as error:  # of the network, in many forms
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"lpips needs AlexNet's weights, which cannot be downloaded ({reason}): {ADVICE}.") from None
    return network


def _load_features(network: nn.Module, state: dict[str, Tensor]) -> None:
    """The convolutions of torchvision's AlexNet into the slices of the network, in their order."""
    ours = [module for module in network.net.modules() if isinstance(module, nn.Conv2d)]  # type: ignore[union-attr]
    numbers = sorted({int(key.split(".")[1]) for key in state if key.startswith("features.")})
    for module, number in zip(ours, numbers, strict=True):
        module.load_state_dict({name: state[f"features.{number}.{name}"] for name in ("weight", "bias")})
