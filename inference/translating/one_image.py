"""The translation of one file of an image."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from pixlate.data.pillow_files import format_of, identified
from pixlate.data.readers import PREFIX, reader_of
from pixlate.data.reading import Reading, read_header, read_original
from pixlate.data.value_range import is_deep
from pixlate.errors import DataError, OptionError
from pixlate.util.text import quoted

from .companions import Companions, FurtherInputs
from .inputs import Source
from .masking import Picture, composite, read_mask, size_of

log = logging.getLogger(__name__)

Translate = Callable[..., Any]


@dataclass(frozen=True)
class ImageTranslation:
    """Translates files of images.

    - translate: called with a path and, by name, with what the model takes beside it, as a Translator is; returns a PIL
      image or an array of the image's size, times the model's scale.
    - reading: how files are read, the same way as `translate` reads them.
    - others: what the model takes beside the image.
    - masks: where the output is shown over the input; feather: the radius by which their edges are blurred, in pixels.
    - keep_alpha: the transparency of an input becomes that of its output. The model itself sees it on white.
    """

    translate: Translate
    reading: Reading
    others: FurtherInputs
    masks: Companions | None = None
    feather: float = 0
    keep_alpha: bool = True

    def companions(self, source: Source) -> dict[str, Path]:
        """The files that the output depends on, beside the input. Raises DataError where one is missing."""
        masks = {"mask of the output": self.masks.of(source)} if self.masks else {}
        return {**self.others.files(source), **masks}

    def __call__(self, source: Source, *, with_alpha: bool = True) -> Picture:
        """The output of a file. Raises BadImageError for one that cannot be read, DataError for other problems.

        - with_alpha: whether the output's file can hold transparency.
        """
        mask = self.masks.of(source) if self.masks else None  # before the model's work: it may be missing
        output = self._translated(source, source.path, lambda: read_header(source.path, self.reading).size)
        seen = look(source.path, self.reading)
        if seen.several:
            warn_of_others(source.path)
        transparent = self.keep_alpha and with_alpha and seen.transparent
        if mask is None and not transparent:
            return output
        original = read_original(source.path, self.reading)
        if mask is not None:
            share = read_mask(mask, size_of(original), self.reading, self.feather)
            # Beneath its transparency an input has colours, which black parts of the mask keep.
            beneath = opaque(original) if transparent else original
            output = composite(output, beneath, share)
        return with_transparency(output, original) if transparent else output

    def of_frame(self, source: Source, frame: Image.Image) -> Image.Image:
        """The output of a frame of a video, as 8-bit RGB. Raises DataError for values of more than 8 bits.

        All frames draw the same dropout, that of the file's name: what changes between two of them is the video's.
        """
        output = self._translated(source, frame, lambda: frame.size, name=source.path.name)
        if not isinstance(output, Image.Image) or is_deep(output):
            raise DataError("a video has 8 bits a channel, and the model's outputs have more: translate images.")
        output = output.convert("RGB")
        if self.masks:
            mask = read_mask(self.masks.of(source), frame.size, self.reading, self.feather)
            output = composite(output, frame, mask)
        assert isinstance(output, Image.Image)  # as what was composited
        return output

    def _translated(self, source: Source, image: Any, size: Callable[[], tuple[int, int]], **more: Any) -> Picture:
        """What `translate` returns for an image, with what the model takes beside it, whose sizes are checked."""
        for name, path in self.others.files(source).items():
            found = read_header(path, self.reading).size
            if self.others.is_as_large(name) and found != (expected := size()):
                raise DataError(
                    f"{name} {quoted(path)} has {found[0]} x {found[1]} pixels, and its image {expected[0]} x "
                    f"{expected[1]}."
                )
        try:
            picture: Picture = self.translate(image, **self.others.of(source), **more)
        except KeyError as error:
            name = str(error.args[0]) if error.args else ""
            if not self.others.lacks(name):
                raise
            raise OptionError(f"the model needs {name} beside the image: --input {name}=…") from None
        return picture


def warn_of_others(path: Path) -> None:
    """Say that a file has images beside the first."""
    log.warning(f"{quoted(path)} has several frames or pages, of which the first is translated.")


class Look(NamedTuple):
    """What the header of a file tells: whether its image can be transparent, and whether others follow it."""

    transparent: bool = False
    several: bool = False


def look(path: Path, reading: Reading) -> Look:
    """What the header of a file tells; nothing where it cannot be read, or is read by another reader than Pillow."""
    with suppress(Exception), path.open("rb") as file:  # Pillow raises many types for damaged files
        start = file.read(PREFIX)
        if reader_of(path, start, reading.readers) is None:
            image = identified(format_of(path, start), file)
            return Look(image.has_transparency_data, bool(getattr(image, "is_animated", False)))
    return Look()


def opaque(image: Picture) -> Picture:
    """An image of 8 bits without its transparency, in the colours beneath it."""
    if not isinstance(image, Image.Image) or not image.has_transparency_data or is_deep(image):
        return image
    return image.convert("RGBA").convert("RGB")


def with_transparency(output: Picture, original: Picture) -> Picture:
    """An output of 8 bits with the transparency of its input, if that has any; resized, where the sizes differ."""
    if not isinstance(output, Image.Image) or output.mode not in ("RGB", "L"):
        return output
    if not isinstance(original, Image.Image) or not original.has_transparency_data:
        return output
    alpha = original.convert("RGBA").getchannel("A")
    if alpha.size != output.size:
        alpha = alpha.resize(output.size, Image.Resampling.BICUBIC)
    transparent = output.copy()
    transparent.putalpha(alpha)
    return transparent
