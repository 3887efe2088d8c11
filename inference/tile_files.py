"""Files that are too large for the memory: read, translated and written by tiles."""

import os
from pathlib import Path

import torch

from pixlate.data.field_values import field_of, file_values, palette_of
from pixlate.data.pixel_size import pixel_size_of
from pixlate.errors import OptionError
from pixlate.util.optional import require_extra
from pixlate.util.text import quoted

from .region_source import RegionSource, TranslatesFiles, opened_regions
from .tiles import tile_network
from .tiling.options import TileOptions
from .tiling.png_rows import can_be_png, write_png
from .tiling.tiff_tiles import TiffLayout, write_tiff
from .tiling.translation import Progress, TiledTranslation, no_progress

StrPath = str | os.PathLike[str]
SUFFIXES = (".tif", ".tiff", ".png")  # of files that are written by tiles
COMPRESSIONS = ("deflate", "zstd", "none")
_PART = 512  # pixels of a side of the image with which networks that depend on data are built


def translate_file(
    translator: TranslatesFiles,
    source: StrPath,
    target: StrPath,
    options: TileOptions = TileOptions(),  # noqa: B008  # it cannot change
    *,
    pyramid: bool | None = None,
    compression: str = "deflate",
    software: str = "",
    progress: Progress = no_progress,
) -> tuple[int, int]:
    """Translate a file by tiles into a TIFF or PNG file, which is written by tiles, or rows, too; returns its size.

    The memory does not depend on the height of the image, and of its width only a band as high as a tile is in memory.
    TIFF files are read by tiles, with tifffile, whatever their size; other files are decoded whole, up to
    `max_image_pixels`. The physical size of a pixel, and OME metadata that tell it, are kept.

    - options: how it is tiled. Dropout is off.
    - pyramid: write copies of lower resolution into a TIFF file; None: where the source has them.
    - compression: of a TIFF file, see `COMPRESSIONS`; software: what the file says it was made by.

    Raises BadImageError for a file that cannot be read, DataError where the output cannot be written, and OptionError
    where the options do not fit the network, or for another format.
    """
    source, target = Path(source), Path(target)
    _check(source, target, compression)
    with opened_regions(source, translator.reading) as regions:
        values = RegionSource(source, regions, translator)
        engine, named = translator.engine, {"A_paths": [source.name]}
        engine.prepare({"A": values.read(0, min(_PART, values.height), 0, min(_PART, values.width)), **named})
        network = tile_network(engine, named, {"A": engine.channels[0]})
        translation = TiledTranslation(network, values, options, progress)
        field = field_of("fake_B", engine.fields)
        height, width = translation.size
        probe = file_values(torch.zeros(engine.channels[1], 1, 1), field)
        channels, dtype = probe.shape[2], probe.dtype.name
        bands = (file_values(band.clamp(-1, 1), field) for band in translation.bands())
        shape = (height, width, channels)
        if target.suffix.lower() == ".png":
            if not can_be_png(channels, dtype):
                raise OptionError(f"PNG files do not hold {channels} channels of {dtype}: name the output .tif.")
            palette = palette_of(field) if field.kind == "labels" and dtype == "uint8" else ()
            write_png(target, bands, shape, dtype, palette=palette, software=software)
            return width, height
        pixel_size = pixel_size_of(source, translator.reading.readers)
        layout = TiffLayout(
            pyramid=regions.is_pyramid if pyramid is None else pyramid,
            averaged=field.kind != "labels",
            ome=regions.is_ome,
            pixel_size=pixel_size and pixel_size.divided(network.scale),
            compression=compression,
            software=software,
        )
        write_tiff(target, bands, shape, dtype, layout)
        return width, height


def _check(source: Path, target: Path, compression: str) -> None:
    """Raise OptionError for an output that is not written by tiles, or is the image itself."""
    suffix = target.suffix.lower()
    if suffix not in SUFFIXES:
        raise OptionError(f"{quoted(target)} would not be written by tiles: name it .tif or .png.")
    if target.exists() and source.exists() and target.samefile(source):
        raise OptionError(f"{quoted(target)} is the image itself, and would be replaced: name another file.")
    if compression not in COMPRESSIONS:
        raise OptionError(f"compression {compression!r} is none of {', '.join(COMPRESSIONS)}.")
    if suffix != ".png":
        require_extra("tifffile", "formats", "writing a TIFF file by tiles")
