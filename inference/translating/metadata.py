"""What a file says beside its pixels, as far as it is true of the output too: EXIF, colour profile, resolution, XMP.

An output is upright and, where the colours of its input were converted, in sRGB: its metadata say so.
"""

import functools
import io
import math
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from pixlate.data.metadata import profile_of
from pixlate.data.pillow_files import format_of, identified
from pixlate.data.pixel_size import pixel_size_of
from pixlate.data.readers import PREFIX, PixelSize
from pixlate.data.reading import Reading

_ORIENTATION, _SOFTWARE, _XMP = 0x0112, 0x0131, 700
_EXIF, _GPS = 0x8769, 0x8825  # the tags of the directories inside of EXIF
_COLOUR_SPACE, _WIDTH, _HEIGHT, _INTEROPERABILITY, _MAKER_NOTE = 0xA001, 0xA002, 0xA003, 0xA005, 0x927C
#: The tags of the first directory that describe the image and not its file: of TIFF it has those of the pixels too.
_DESCRIPTIVE = (270, 271, 272, 306, 315, 316, 18246, 18249, 33432, 40091, 40092, 40093, 40094, 40095)
_DESCRIPTION, _OF_PIXELS = 270, re.compile(r"ImageJ=|\{|\s*<\?xml|\s*<OME")  # which tells how TIFF files store them
_QUARTER_TURNS = (5, 6, 7, 8)
_MOST = 65000  # bytes of EXIF and of XMP in a JPEG file
_SPACES = {"RGB": "RGB", "RGBA": "RGB", "L": "GRAY", "LA": "GRAY", "I;16": "GRAY"}  # of profiles, by the image's mode
_LENGTHS = ("inch", "cm")  # that a resolution has


@dataclass(frozen=True)
class Metadata:
    """What is kept of an input.

    - exif: with orientation 1, or None; profile: an ICC profile of the output's colours; xmp: a packet.
    - resolution: pixels per inch, across and down, of the output.
    - pixel_size: of the output, where it is told by more than a resolution, as in microscopy.
    """

    exif: Image.Exif | None = None
    profile: bytes = b""
    resolution: tuple[float, float] | None = None
    xmp: bytes = b""
    pixel_size: PixelSize | None = None

    def arguments(self, image: Image.Image, format: str, software: str) -> dict[str, Any]:
        """What `Image.save` is given for a file of a format, PNG, JPEG, WEBP or TIFF.

        - software: what the file says it was made by; empty for nothing.
        """
        exif, xmp = self.exif, self.xmp
        if software and format != "PNG":
            exif = exif or Image.Exif()
        if exif is not None:
            exif = _of_size(exif, image.size, software)
        if format == "JPEG":
            exif, xmp = exif and _short(exif), xmp if len(xmp) <= _MOST else b""
        arguments: dict[str, Any] = {}
        if format == "TIFF" and xmp:
            exif = exif or Image.Exif()
            exif[_XMP] = xmp
        elif format == "PNG":
            arguments["pnginfo"] = _texts(xmp, software)
        elif xmp:
            arguments["xmp"] = xmp
        if exif is not None:
            arguments["exif"] = exif.tobytes()
            if format == "TIFF" and {_EXIF, _GPS} & set(exif):
                arguments["compression"] = "raw"  # with another one libtiff writes the file, which refuses these tags
        if self.profile and _space(self.profile) == _SPACES.get(image.mode):
            arguments["icc_profile"] = self.profile
        if self.resolution:
            arguments["dpi"] = self.resolution
        return {name: value for name, value in arguments.items() if value}


def metadata_of(path: Path, reading: Reading, scale: int | Fraction = 1) -> Metadata:
    """What is kept of a file; nothing where it tells nothing that can be understood.

    - reading: how the pixels are read; scale: pixels of the output per pixel of the input.
    """
    with suppress(Exception), path.open("rb") as file:  # Pillow raises many types for damaged metadata
        image = identified(format_of(path, file.read(PREFIX)), file)
        # Pillow turns images of TIFF files by itself.
        is_turned = image.format == "TIFF" or not reading.ignore_metadata
        converted = b"" if reading.ignore_metadata else profile_of(image)
        tags = _attempt(image.getexif) or Image.Exif()
        turn = tags.get(_ORIENTATION, 1) if is_turned else 1
        size = _pixel_size(path, reading, scale)
        return Metadata(
            exif=_attempt(lambda: _kept(tags, is_turned=is_turned, converted=bool(converted))),
            profile=srgb() if converted else _bytes(image.info.get("icc_profile")),
            resolution=_resolution(image.info.get("dpi"), scale, swapped=turn in _QUARTER_TURNS),
            xmp=_xmp(image.info, is_turned=is_turned),
            pixel_size=size if size and size.unit not in _LENGTHS else None,
        )
    return Metadata(pixel_size=_pixel_size(path, reading, scale))


@functools.cache
def srgb() -> bytes:
    """The profile of sRGB: the same bytes in every run, though the library writes the time into it."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    date = b"".join(number.to_bytes(2, "big") for number in (2000, 1, 1, 0, 0, 0))
    return profile[:24] + date + profile[36:]


def _kept(tags: Image.Exif, *, is_turned: bool, converted: bool) -> Image.Exif | None:
    """The tags that are true of the output too. The thumbnail, which shows the input, is none of them."""
    kept = Image.Exif()
    for tag in _DESCRIPTIVE:
        if tag in tags and not (tag == _DESCRIPTION and _OF_PIXELS.match(str(tags[tag]))):
            kept[tag] = tags[tag]
    if _ORIENTATION in tags:
        kept[_ORIENTATION] = 1 if is_turned else tags[_ORIENTATION]
    for directory in (_EXIF, _GPS):
        values = dict(tags.get_ifd(directory))
        values.pop(_INTEROPERABILITY, None)
        if converted and _COLOUR_SPACE in values:
            values[_COLOUR_SPACE] = 1  # sRGB
        if values:
            kept.get_ifd(directory).update(values)
            kept[directory] = kept.get_ifd(directory)
    return kept if len(kept) else None


def _of_size(exif: Image.Exif, size: tuple[int, int], software: str) -> Image.Exif:
    """A copy with the size of the output, and its software."""
    copy = Image.Exif()
    copy.load(exif.tobytes())
    details = copy.get_ifd(_EXIF) if _EXIF in copy else {}  # asked for, it would be there
    for tag, side in zip((_WIDTH, _HEIGHT), size, strict=True):
        if tag in details:
            details[tag] = side
    if software:
        copy[_SOFTWARE] = software
    return copy


def _short(exif: Image.Exif) -> Image.Exif | None:
    """Tags that fit into a JPEG file: without the camera's own, if need be."""
    if len(exif.tobytes()) > _MOST:
        exif.get_ifd(_EXIF).pop(_MAKER_NOTE, None)
    return exif if len(exif.tobytes()) <= _MOST else None


def _texts(xmp: bytes, software: str) -> PngInfo | None:
    texts = PngInfo()
    if xmp:
        texts.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    if software:
        texts.add_text("Software", software)
    return texts if xmp or software else None


def _xmp(info: dict[Any, Any], *, is_turned: bool) -> bytes:
    """The packet of an image; with an upright one, it says so."""
    packet = info.get("xmp", info.get("XML:com.adobe.xmp"))
    packet = packet.encode() if isinstance(packet, str) else _bytes(packet)
    if not is_turned:
        return packet
    return re.sub(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[1-8]""", rb"\g<1>1", packet)


def _resolution(value: object, scale: int | Fraction, *, swapped: bool) -> tuple[float, float] | None:
    if not isinstance(value, tuple) or len(value) != 2:
        return None
    across, down = (float(side) * float(scale) for side in value)
    # Pillow tells 1 of TIFF files without a resolution.
    if not all(math.isfinite(side) and 1 < side <= 65535 for side in (across, down)):
        return None
    return (down, across) if swapped else (across, down)


def _pixel_size(path: Path, reading: Reading, scale: int | Fraction) -> PixelSize | None:
    """The physical size of a pixel of the output, where the input tells that of its own."""
    size = pixel_size_of(path, reading.readers)
    return size and size.divided(scale)


def _space(profile: bytes) -> str:
    """The colour space of a profile, "RGB" or "GRAY"; empty for a damaged one."""
    with suppress(Exception):
        return str(ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space).strip()
    return ""


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _attempt(function: Callable[[], Image.Exif | None]) -> Image.Exif | None:
    """The result of a function; None where damaged tags make it fail."""
    with suppress(Exception):
        return function()
    return None
