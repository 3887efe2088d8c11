"""From the file of a request to the bytes of its answer: what is allowed, the translation, the format."""

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixlate.data.field_values import EIGHT_BIT, field_of, palette_of
from pixlate.data.labels import nearest_colours
from pixlate.data.readers import Values
from pixlate.data.reading import read_file, read_header, to_rgb
from pixlate.data.tiff import tile_size
from pixlate.data.writers import writer_for
from pixlate.errors import DataError
from pixlate.inference.conversion import to_output, to_tensor
from pixlate.inference.translator import Translator
from pixlate.models.execution.out_of_memory import is_out_of_memory
from pixlate.plugins.field import Field
from pixlate.util.image_io import FORMATS as ENCODERS

from .problems import Problem, unreadable

#: The formats of answers: their media types, and the suffixes of their files.
FORMATS: Mapping[str, tuple[str, str]] = {
    "png": ("image/png", ".png"),
    "jpeg": ("image/jpeg", ".jpg"),
    "webp": ("image/webp", ".webp"),
    "tiff": ("image/tiff", ".tif"),
}
MAX_SIDE = {"webp": 16383, "jpeg": 65535}  # what these formats can hold


@dataclass(frozen=True)
class Answer:
    """A translated image as a file: its content, its media type, its size in pixels, and how long each part took."""

    content: bytes
    media_type: str
    size: tuple[int, int]
    seconds: Mapping[str, float]


def check_size(path: Path, translator: Translator, max_pixels: int) -> None:
    """Raise Problem for an image that cannot be read, or is too large, from its header alone."""
    try:
        # Tiles of TIFF files are decoded as a whole, and may be larger than the image.
        header = read_header(path, replace(translator.reading, max_pixels=None))
        tile = tile_size(path)
    except DataError as error:
        raise unreadable(error) from None
    width, height = header.size
    sides = translator.engine.sides()
    padded = sides.at_least(width), sides.at_least(height)
    allowed = f"{max_pixels} pixels (--max_pixels)"
    if width * height > max_pixels:
        reason = f"The image has {width} x {height} pixels; this server translates images of up to {allowed}."
        raise Problem(413, "too_many_pixels", reason)
    if tile[0] * tile[1] > max_pixels:
        reason = f"The image has tiles of {tile[0]} x {tile[1]} pixels; this server decodes up to {allowed} at once."
        raise Problem(413, "too_many_pixels", reason)
    if padded[0] * padded[1] > max_pixels:
        reason = (
            f"The image of {width} x {height} pixels is enlarged for this model to {padded[0]} x {padded[1]}, and this "
            f"server translates images of up to {allowed}."
        )
        raise Problem(413, "too_many_pixels", reason)
    bands = translator.engine.channels[0]
    if header.deep and header.channels > max(4, bands):
        raise Problem(422, "bad_image", f"The image has {header.channels} channels, and this model takes {bands}.")


def translate(path: Path, translator: Translator, name: str, wanted: str) -> Answer:
    """The answer for a file, as `translator(path, name=name)` would give it. Raises Problem.

    - name: seeds dropout; wanted: one of FORMATS, or empty for the first that can hold the result.
    """
    times = [time.perf_counter()]
    fields = translator.engine.fields
    try:
        field = fields.get("A", EIGHT_BIT)
        image = _with_classes(read_file(path, translator.reading), field)
        x = to_tensor(image, field, translator.engine.channels[0], translator.value_range)
        times.append(time.perf_counter())
        y = translator.tensor(x, names=[name])[0]
        result = to_output(y, field_of("fake_B", fields), as_array=False)
    except DataError as error:
        raise unreadable(error) from None
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        reason = "There is not enough memory on the server to translate an image of this size: send a smaller one."
        raise Problem(413, "too_many_pixels", reason) from None
    times.append(time.perf_counter())
    content, media_type = encoded(result, wanted)
    times.append(time.perf_counter())
    size = result.size if isinstance(result, Image.Image) else (result.shape[1], result.shape[0])
    names = ("read", "translate", "encode")
    return Answer(content, media_type, size, {part: times[i + 1] - times[i] for i, part in enumerate(names)})


def encoded(result: Image.Image | Values, wanted: str) -> tuple[bytes, str]:
    """The bytes of an image of any type, and their media type. Raises Problem where the format cannot hold it."""
    if isinstance(result, Image.Image) and result.mode in ("L", "RGB", "P"):
        media_type, suffix = FORMATS[wanted or "png"]
        if max(result.size) > MAX_SIDE.get(wanted, max(result.size)):
            raise Problem(406, "format", f"A {wanted} file has at most {MAX_SIDE[wanted]} pixels a side: ask for png.")
        data = io.BytesIO()
        encoder, options = ENCODERS[suffix]
        plain = result.convert("RGB") if result.mode == "P" and wanted in ("jpeg", "webp") else result
        plain.save(data, encoder, **options)
        return data.getvalue(), media_type
    values = np.asarray(result)
    values = values if values.ndim == 3 else values[..., None]
    writer = writer_for(values, FORMATS[wanted or "png"][1])
    found = {suffix: (kind, media_type) for kind, (media_type, suffix) in FORMATS.items()}.get(writer.suffix)
    if found is None or wanted not in ("", found[0]):
        able = f"ask for {found[0]}" if found else "it needs tifffile on the server: pip install 'pixlate[formats]'"
        what = f"{values.shape[2]} channels of {values.dtype}"
        raise Problem(
            406, "format", f"The output of this model has {what}, which {wanted or 'png'} cannot hold: {able}."
        )
    return writer.encode(values), found[1]


def input_palette(field: Field) -> tuple[tuple[int, int, int], ...]:
    """The colours in which the labels of an input are drawn; empty for an input that has other values."""
    return palette_of(field) if field.kind == "labels" and field.classes <= 256 else ()


def _with_classes(image: Any, field: Field) -> Any:
    """A drawing in the colours that `/v1/models` lists as the classes that they stand for.

    Data whose labels are numbers has no colours of its own: those listed are ours.
    """
    palette = input_palette(field)
    if not palette or field.palette or not isinstance(image, Image.Image) or image.mode in ("P", "L", "1"):
        return image
    return Image.fromarray(nearest_colours(np.asarray(to_rgb(image)), palette).astype(np.uint8))
