"""The translation of one image by tiles."""

import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor

from .assembly import Grid, NormFactory, translated_bands
from .exact import cost_of, exact_statistics
from .network import TileNetwork
from .options import TileOptions, grid_for
from .reduced import reduced_copy
from .sources import ReflectedSource, Source
from .statistics import GivenNorms, MeasuredNorms

log = logging.getLogger(__name__)

#: Called with the number of tiles that are done, of all passes, and their total.
Progress = Callable[[int, int], None]


def no_progress(done: int, total: int) -> None:
    """Shows nothing."""


class TiledTranslation:
    """An image, the tiles that cover it, and their translation.

    - grid: the tiles; cost: what an exact translation takes, None for others.

    Raises OptionError where the options do not fit the network.
    """

    def __init__(
        self, network: TileNetwork, source: Source, options: TileOptions, progress: Progress = no_progress
    ) -> None:
        self._network, self._options, self._progress = network, options, progress
        height, width = (network.sides.at_least(side) for side in (source.height, source.width))
        self._source = ReflectedSource(source, height, width)
        self._original = source
        self.grid: Grid = grid_for(network, height, width, options)
        self.cost = cost_of(network, self._source, self.grid) if options.exact and len(self.grid) > 1 else None
        self.size = network.scaled(source.height), network.scaled(source.width)
        self._done = 0

    def bands(self) -> Iterator[Tensor]:
        """The output in bands C'×h×W' of float32 in [-1, 1] on the CPU, each valid until the next is asked for."""
        self._done = 0
        height, width = self.size
        top = 0
        for band in translated_bands(self._network, self._source, self.grid, self._norms(), self._tile_done):
            if top < height:
                yield band[:, : height - top, :width]
            top += band.shape[1]

    def whole(self) -> Tensor:
        """The output 1×C'×H'×W'."""
        output, top = torch.empty(0), 0
        for band in self.bands():
            if not len(output):
                output = torch.empty(len(band), *self.size)
            output[:, top : top + band.shape[1]] = band
            top += band.shape[1]
        return output[None]

    def _norms(self) -> NormFactory:
        if len(self.grid) == 1:
            return nullcontext
        if self.cost:
            log.info("%s", self.cost)
            layers = self.cost.passes - 1
            found = exact_statistics(self._network, self._source, self.grid, layers, self._tile_done)
            return partial(GivenNorms, found)
        if self._options.norms == "tile":
            return nullcontext
        if self._network.opaque:
            log.warning("%s is an exported file: its norms take their statistics of each tile.", self._network.name)
            return nullcontext
        measured = MeasuredNorms()
        with measured:
            self._network.run(reduced_copy(self._original, self._options.reduced_pixels, self._network.sides))
        if measured.whole_image:
            log.warning(
                "%s looks at the whole image by '%s': its tiles are translated each by itself in that respect, and "
                "may differ in colour.",
                self._network.name,
                measured.whole_image[0],
            )
        if measured.random:
            log.warning(
                "%s draws random numbers by '%s': others for each tile than for the whole image.",
                self._network.name,
                measured.random[0],
            )
        return partial(GivenNorms, measured.statistics)

    def _tile_done(self) -> None:
        self._done += 1
        self._progress(self._done, len(self.grid) * (self.cost.passes if self.cost else 1))
