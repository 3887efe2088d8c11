"""Translates an image tile by tile, and puts the tiles together in bands of rows, from top to bottom.

The memory that it takes depends on the tiles and the width of the image, not on its height.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from .grid import Span, blending_weights
from .network import TileNetwork
from .sources import ReflectedSource

#: Builds what is entered while a tile is translated: a mode of its norms.
NormFactory = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Grid:
    """The spans of the rows and of the columns of an image, whose products are its tiles."""

    rows: Sequence[Span]
    columns: Sequence[Span]

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[tuple[Span, Span]]:
        """Row by row."""
        return ((rows, columns) for rows in self.rows for columns in self.columns)

    @property
    def borders(self) -> tuple[list[int], list[int]]:
        """The rows and the columns at which one tile gives way to the next; with blending, the middle of that."""
        rows, columns = (
            [(spans[i].last + spans[i + 1].first) // 2 for i in range(len(spans) - 1)]
            for spans in (self.rows, self.columns)
        )
        return rows, columns


def translated_bands(
    network: TileNetwork,
    source: ReflectedSource,
    grid: Grid,
    norms: NormFactory = nullcontext,
    done: Callable[[], None] = lambda: None,
) -> Iterator[Tensor]:
    """The output in bands C'×h×W' of float32, on the CPU, from top to bottom.

    - norms: the mode in which each tile is translated; done: called after each tile.
    """
    rows, columns = (_scaled(network, spans) for spans in (grid.rows, grid.columns))
    heights, widths = blending_weights(rows), blending_weights(columns)
    width = columns[-1].last
    band, top = torch.zeros(0, 0, width), 0
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            x = source.tile(grid.rows[i], grid.columns[j])
            with norms():
                y = network.run(x)[0].float().cpu()
            if j == 0:
                band = _extended(band, len(y), row.last - top)
            part = y[:, row.first - row.start : row.last - row.start, column.first - column.start :]
            part = part[..., : column.last - column.first]
            part = part * torch.from_numpy(heights[i])[:, None] * torch.from_numpy(widths[j])
            band[:, row.first - top : row.last - top, column.first : column.last] += part
            done()
        finished = (rows[i + 1].first if i + 1 < len(rows) else row.last) - top
        yield band[:, :finished]
        band, top = band[:, finished:], top + finished


def _scaled(network: TileNetwork, spans: Sequence[Span]) -> list[Span]:
    """Spans of the input as spans of the output."""
    scaled = network.scaled
    return [Span(scaled(s.start), scaled(s.stop), scaled(s.first), scaled(s.last)) for s in spans]


def _extended(band: Tensor, channels: int, height: int) -> Tensor:
    """A band with further rows of zeros below."""
    extended = torch.zeros(channels, height, band.shape[-1])
    if band.shape[1]:
        extended[:, : band.shape[1]] = band
    return extended
