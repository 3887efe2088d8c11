"""Translation by tiles with what computes behind a Translator."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from pixlate.models.networks.mode import without_dropout

from .engine import Engine, ModelEngine
from .tiling.network import TileNetwork
from .tiling.options import TileOptions
from .tiling.sources import TensorSource
from .tiling.translation import Progress, TiledTranslation, no_progress


def tiled(engine: Engine, batch: Mapping[str, Any], options: TileOptions, progress: Progress = no_progress) -> Tensor:
    """The output for the batch of one image, N×C×H×W in [-1, 1], translated by tiles; without dropout.

    Further tensors of the batch that are as large as "A" are divided as it is. Raises OptionError where the options do
    not fit the network.
    """
    x = batch["A"]
    spatial = {
        name: value
        for name, value in batch.items()
        if isinstance(value, Tensor) and value.dim() == 4 and value.shape[-2:] == x.shape[-2:]
    }
    engine.prepare(batch)
    network = tile_network(engine, batch, {name: value.shape[1] for name, value in spatial.items()})
    source = TensorSource(torch.cat([value.cpu().float() for value in spatial.values()], 1))
    return TiledTranslation(network, source, options, progress).whole()


def tiled_batch(engine: Engine, batch: Mapping[str, Any], options: TileOptions) -> Tensor:
    """The outputs for a batch of any number of images, one after the other."""
    count = len(batch["A"])
    images = [
        {
            name: value[i : i + 1] if isinstance(value, Tensor | list) and len(value) == count else value
            for name, value in batch.items()
        }
        for i in range(count)
    ]
    return torch.cat([tiled(engine, image, options) for image in images])


def tile_network(engine: Engine, batch: Mapping[str, Any], channels: Mapping[str, int]) -> TileNetwork:
    """A prepared engine as tiles see it.

    - batch: what else it is given for each tile.
    - channels: the fields that are divided into tiles, "A" among them, and the channels of each, in their order.
    """

    def run(x: Tensor) -> Tensor:
        parts = dict(zip(channels, torch.split(x, list(channels.values()), 1), strict=True))
        # What dropout draws for a tile would have no relation to what it draws for the whole image, nor for the next.
        with without_dropout():
            return engine.run({**batch, **parts})

    return TileNetwork(
        run,
        engine.sides(),
        sum(channels.values()),
        Fraction(engine.output_scale),
        engine.network or engine.name,
        opaque=not isinstance(engine, ModelEngine),
    )
