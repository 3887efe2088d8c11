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

_ROWS = 32  # of a band: larger blocks fragment the heap of long translations
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
    """The output in bands C'×h×W' of float32 on the CPU, from top to bottom, each valid until the next is asked for.

    - norms: the mode in which each tile is translated; done: called after each tile.
    """
    rows, columns = (_scaled(network, spans) for spans in (grid.rows, grid.columns))
    heights, widths = blending_weights(rows), blending_weights(columns)
    highest = max(row.last - row.first for row in rows)
    buffer, top, kept = torch.zeros(0), 0, 0
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            x = source.tile(grid.rows[i], grid.columns[j])
            with norms():
                y = network.run(x)[0].float().cpu()
            if not len(buffer):
                buffer = torch.zeros(len(y), highest, columns[-1].last)
            part = y[:, row.first - row.start : row.last - row.start, column.first - column.start :]
            part = part[..., : column.last - column.first] * torch.from_numpy(heights[i])[:, None]
            buffer[:, : row.last - top, column.first : column.last] += part.mul_(torch.from_numpy(widths[j]))
            done()
        finished = (rows[i + 1].first if i + 1 < len(rows) else row.last) - top
        yield from torch.split(buffer[:, :finished], _ROWS, 1)
        top, kept = top + finished, row.last - top - finished
        buffer[:, :kept] = buffer[:, finished : finished + kept].clone()
        buffer[:, kept:] = 0


def _scaled(network: TileNetwork, spans: Sequence[Span]) -> list[Span]:
    """Spans of the input as spans of the output."""
    scaled = network.scaled
    return [Span(scaled(s.start), scaled(s.stop), scaled(s.first), scaled(s.last)) for s in spans]
