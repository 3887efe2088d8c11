"""How an image is tiled, and the tiles for an image."""

from dataclasses import dataclass
from math import lcm
from typing import Literal

from pixlate.errors import OptionError
from pixlate.util.sizes import SideRule

from .assembly import Grid
from .grid import core_spans, overlapping_spans
from .network import TileNetwork
from .reach import reach_of

TILE, OVERLAP = 512, 64


@dataclass(frozen=True)
class TileOptions:
    """How an image is tiled.

    - tile: the side of a tile in pixels.
    - overlap: of neighbouring tiles in pixels; None for 64. With `exact` it is what a tile reads beyond its own pixels
      on each side; None for as much as the network needs.
    - exact: compute what the network computes of the whole image, up to rounding.
    - norms: where norms take their statistics from, without `exact`: "image", one reduced copy of the whole image for
      all tiles; "tile", each tile by itself, which shows.
    - reduced: the pixels of the reduced copy; None for those of a tile, and at least 1024².
    """

    tile: int = TILE
    overlap: int | None = None
    exact: bool = False
    norms: Literal["image", "tile"] = "image"
    reduced: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("tile", 1), ("overlap", 0), ("reduced", 1)):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if (value is None and name != "tile") or (whole and value >= least):
                continue
            raise OptionError(f"{name} is {value!r}, and must be a whole number of at least {least}.")
        if self.norms not in ("image", "tile"):
            raise OptionError(f"norms is {self.norms!r}, and must be 'image' or 'tile'.")

    @property
    def reduced_pixels(self) -> int:
        """The pixels of the reduced copy: it takes as much memory as a tile of that size."""
        return self.reduced or max(2**20, self.tile**2)


def check_tile(network: str, sides: SideRule, tile: int) -> None:
    """Raise OptionError for a tile whose side a network does not accept."""
    if not sides.fits(tile):
        raise OptionError(
            f"a tile of {tile} pixels does not fit {network}, whose sides are {sides}: use {sides.nearest(tile)}."
        )


def grid_for(network: TileNetwork, height: int, width: int, options: TileOptions) -> Grid:
    """The tiles of an image whose sides the network accepts.

    Raises OptionError for a tile whose side it does not accept, for an overlap that is too large for the tile or, with
    `exact`, smaller than the network needs, and for a network that cannot be computed exactly in tiles.
    """
    check_tile(network.name, network.sides, options.tile)
    if options.exact:
        return _exact_grid(network, height, width, options)
    step = lcm(network.sides.multiple, network.scale.denominator)
    overlap = OVERLAP if options.overlap is None else options.overlap
    if options.overlap is None and overlap > options.tile // 2:
        overlap = options.tile // 4
    if overlap > options.tile // 2:
        raise OptionError(
            f"an overlap of {overlap} pixels is more than half of a tile of {options.tile}: use at most "
            f"{options.tile // 2}, or larger tiles."
        )
    rows, columns = (overlapping_spans(side, options.tile, overlap, step) for side in (height, width))
    return Grid(rows, columns)


def _exact_grid(network: TileNetwork, height: int, width: int, options: TileOptions) -> Grid:
    if height <= options.tile and width <= options.tile:
        return Grid(*(overlapping_spans(side, options.tile, 0) for side in (height, width)))
    if network.opaque:
        raise OptionError(
            f"{network.name} is an exported file, whose layers are not known: exact tiles are impossible."
        )
    reach = reach_of(network)
    step = lcm(reach.stride, network.scale.denominator)
    least = SideRule(step).at_least(reach.pixels)
    if options.overlap is not None and options.overlap < least:
        raise OptionError(
            f"an overlap of {options.overlap} pixels is too small for exact tiles: {network.name} looks as far as "
            f"{reach.pixels} pixels, and needs an overlap of {least}."
        )
    overlap = SideRule(step).at_least(options.overlap or least)
    if options.tile < 2 * overlap + step:
        raise OptionError(
            f"a tile of {options.tile} pixels is too small for exact tiles with an overlap of {overlap} on each side: "
            f"use {network.sides.at_least(2 * overlap + step)} or more; {network.sides.at_least(4 * overlap)} takes "
            "less time."
        )
    rows, columns = (core_spans(side, options.tile, overlap, step) for side in (height, width))
    return Grid(rows, columns)
