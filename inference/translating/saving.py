"""Outputs as files: their formats, and how they are encoded."""

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixlate.data.readers import Values
from pixlate.data.value_range import is_deep
from pixlate.data.writers import BUILTIN, PngWriter, TiffWriter, Writer, writer_for
from pixlate.plugins.field import Field
from pixlate.util.image_io import FORMATS

from .masking import Picture, values_of
from .metadata import Metadata

SAME = "same"
_SPELLINGS = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tiff": ".tif"}
_WITHOUT_ALPHA = "JPEG"


@dataclass(frozen=True)
class OutputFormat:
    """Which format outputs have.

    - name: of `--format`: "png", "jpg", "webp", "tif"; "same" for that of each input; empty for PNG.
    - field: of the outputs; channels: theirs.
    - writers: of values of more than 8 bits.

    Classes of labels are PNG files in any case. Values of more than 8 bits have the format of their input, or that of
    the name, if it can hold them; else they are TIFF or NumPy files.
    """

    name: str
    field: Field
    channels: int
    writers: Sequence[Writer] = BUILTIN

    def suffix(self, path: Path) -> str:
        """The suffix of the output of a file."""
        own = path.suffix
        if self.field.kind == "labels":
            return ".png"
        wanted = own if self.name in ("", SAME) else f".{self.name}"
        if self.field.dtype != "uint8" or self.channels not in (1, 3):
            probe = np.zeros((1, 1, self.channels), self.field.dtype)
            found = writer_for(probe, wanted, self.writers).suffix
            return own if plain(own) == found else found
        if not self.name:
            return ".png"
        return wanted if plain(wanted) in FORMATS else ".png"


def plain(suffix: str) -> str:
    """The usual spelling of a suffix: ".jpg" for ".JPEG"."""
    suffix = suffix.lower()
    return _SPELLINGS.get(suffix, suffix)


def can_hold_alpha(suffix: str) -> bool:
    """Whether files of a suffix can be partly transparent."""
    return plain(suffix) in FORMATS and FORMATS[plain(suffix)][0] != _WITHOUT_ALPHA


def encoded(
    picture: Picture,
    suffix: str,
    metadata: Metadata = Metadata(),  # noqa: B008  # it cannot change
    software: str = "",
    writers: Sequence[Writer] = BUILTIN,
) -> bytes:
    """The content of an output's file.

    - suffix: as `OutputFormat` says; software: what the file says it was made by, where its format can.
    """
    if isinstance(picture, Image.Image) and plain(suffix) in FORMATS and not (is_deep(picture) and metadata.pixel_size):
        writer = writer_for(values_of(picture), suffix, writers) if is_deep(picture) else None
        if writer is None or type(writer) in (PngWriter, TiffWriter):
            name, options = FORMATS[plain(suffix)]
            with suppress(Exception):  # of metadata that Pillow has read and does not write
                return _saved(picture, name, {**options, **metadata.arguments(picture, name, software)})
            return _saved(picture, name, options)
    values: Values = np.ascontiguousarray(values_of(picture))
    writer = writer_for(values, suffix, writers)
    return writer.encode_measured(values, metadata.pixel_size) if metadata.pixel_size else writer.encode(values)


def _saved(image: Image.Image, name: str, options: Mapping[str, Any]) -> bytes:
    data = io.BytesIO()
    image.save(data, name, **options)
    return data.getvalue()
