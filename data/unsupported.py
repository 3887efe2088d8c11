"""Tells files that are valid, and of a kind that is not read, from damaged ones."""

import re
from collections.abc import Callable, Mapping
from typing import BinaryIO

from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pixlate.util.text import counted

PREFIX = 512  # bytes that `other_format` looks at
_SAYS_SO = re.compile("unsupported|not supported|cannot handle|unable to determine|not available|unknown pixel mode")
_COMMON_TIFF = (1, 2, 3, 4, 5, 7, 8, 32946, 32773)  # compressions that every build of the TIFF library reads
_OTHER_FORMATS = (
    ("HEIC", rb".{4}ftyp(heic|heix|heim|heis|hevc|hevx|mif1|msf1)"),
    ("JPEG XL", rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"),
    ("Photoshop", rb"8BPS"),
    ("OpenEXR", rb"v/1\x01"),
    ("Radiance HDR", rb"#\?(RADIANCE|RGBE)"),
    ("DICOM", rb".{128}DICM"),
    ("FITS", rb"SIMPLE  ="),
    ("NumPy", rb"\x93NUMPY"),
    ("HDF5", rb"\x89HDF\r\n\x1a\n"),
    ("DDS", rb"DDS "),
    ("icon", rb"\0\0[\x01\x02]\0"),
    ("PDF", rb"%PDF-"),
    ("PostScript", rb"%!PS"),
    ("SVG", rb"\s*(<\?xml[^>]*>)?\s*(<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg"),
    ("HTML", rb"\s*<(!doctype html|html)"),
    ("video", rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF.{4}AVI "),
    ("gzip", rb"\x1f\x8b"),
    ("ZIP", rb"PK\x03\x04"),
)


def other_format(prefix: bytes) -> str:
    """The name of a known format that is not read, of a file that starts with these bytes; empty for any other."""
    return next((name for name, start in _OTHER_FORMATS if re.match(start, prefix, re.DOTALL | re.IGNORECASE)), "")


def unsupported_kind(image_format: str, file: BinaryIO, problem: str) -> str:
    """What kind of image a file is that Pillow does not read, such as "TIFF with 5 bands of 8 bits"; empty if damaged.

    - image_format: the format that its first bytes show; problem: what Pillow said.
    """
    inspect = _INSPECTORS.get(image_format)
    try:
        kind = inspect(file, problem) if inspect else ""
    except Exception:  # of a file whose header is damaged
        return ""
    if kind:
        return f"{image_format} {kind}"
    return f"{image_format} ({problem})" if _SAYS_SO.search(problem.lower()) and image_format != "TIFF" else ""


def _tiff_kind(file: BinaryIO, problem: str) -> str:
    """The bands and the compression of a TIFF file with complete tags, where Pillow does not know them."""
    file.seek(0)
    header = file.read(8)
    if header[2:3] == b"\x2b" or header[3:4] == b"\x2b":  # BigTIFF
        header += file.read(8)
    tags = ImageFileDirectory_v2(header)
    file.seek(tags.next)
    tags.load(file)
    if not ({256, 257} <= set(tags) and {273, 324} & set(tags)):  # the size, and where strips or tiles are
        return ""
    compression = int(tags.get(259, 1))
    bands = int(tags.get(277, 1))
    if _SAYS_SO.search(problem.lower()) or bands not in (1, 3, 4):
        bits = sorted({int(count) for count in tags.get(258, (1,))})
        number = {1: "unsigned", 2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}.get(
            int(tags.get(339, (1,))[0]), "other"
        )
        return f"with {counted(bands, 'band')} of {' and '.join(map(str, bits))} bits ({number} numbers)"
    return f"of compression {compression}" if compression not in _COMMON_TIFF else ""


def _jpeg_kind(file: BinaryIO, problem: str) -> str:
    """The process of a JPEG file that is not the usual one, from its frame header."""
    file.seek(2)
    while (marker := file.read(2)) and len(marker) == 2 and marker[0] == 0xFF:
        length = int.from_bytes(file.read(2), "big")
        segment = file.read(length - 2)
        code = marker[1]
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            bits, components = segment[0], segment[5]
            if code in (0xC3, 0xC7, 0xCB, 0xCF):
                return "without loss (JPEG lossless)"
            if code in (0xC5, 0xC6, 0xCD, 0xCE):
                return "of several resolutions (JPEG hierarchical)"
            if bits != 8:
                return f"with {bits} bits"
            return f"with {counted(components, 'band')}" if components not in (1, 3, 4) else ""
    return ""


def _png_kind(file: BinaryIO, problem: str) -> str:
    file.seek(12)
    return "of Apple's own variant (CgBI)" if file.read(4) == b"CgBI" else ""


_INSPECTORS: Mapping[str, Callable[[BinaryIO, str], str]] = {"TIFF": _tiff_kind, "JPEG": _jpeg_kind, "PNG": _png_kind}
