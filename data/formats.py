"""Which files are images: by the extension where it is a known one, else by the first bytes."""

import re
from pathlib import Path

#: The formats that are read, by Pillow's names. Some of Pillow's other formats start external programs.
FORMATS = ("PNG", "JPEG", "PPM", "BMP", "TIFF", "GIF", "WEBP", "JPEG2000", "AVIF")
#: The extensions of these formats. Files with one of them are taken without a look at their content.
EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".webp"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".jpf", ".avif"),
)
#: Those that messages name.
USUAL_EXTENSIONS = (".jpg", ".png", ".bmp", ".tif", ".ppm", ".gif", ".webp", ".avif", ".jp2")

# Camera files are TIFF files whose first image is a thumbnail; copies that programs leave behind are no further images.
_RAW = (".dng", ".nef", ".nrw", ".cr2", ".arw", ".sr2", ".pef", ".srw", ".3fr", ".iiq", ".erf", ".kdc", ".dcr")
_COPIES = ("~", ".bak", ".orig", ".tmp", ".temp", ".part", ".partial", ".download", ".crdownload", ".swp")
_AVIF_BRANDS = (b"avif", b"avis")
_SIGNATURES = (
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("WEBP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    ("TIFF", re.compile(rb"II\*\0|MM\0\*|II\+\0|MM\0\+")),
    ("JPEG2000", re.compile(rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n")),
    ("BMP", re.compile(rb"BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}", re.DOTALL)),
    # A text may start with "P1" or "P5" too, but hardly with a width after it.
    ("PPM", re.compile(rb"P[1-6]\s+(#|\d)|P[fF]\s+\d")),
)


def has_image_extension(name: str) -> bool:
    """Whether a file's name has the extension of a format that is read."""
    from .current_readers import current_readers  # here, because it imports NumPy, which `--help` does without

    further = tuple(suffix for reader in current_readers() for suffix in reader.suffixes)
    return name.lower().endswith((*EXTENSIONS, *further))


def is_copy(name: str) -> bool:
    """Whether a name is that of a backup, or of a file that is being written: "a.png~", "a.png.part"."""
    return name.lower().endswith(_COPIES)


def image_format(prefix: bytes) -> str:
    """The format, one of FORMATS, of a file that starts with these bytes; empty for any other."""
    if prefix[4:8] == b"ftyp":
        brands = {prefix[i : i + 4] for i in range(8, min(len(prefix), int.from_bytes(prefix[:4], "big")), 4)}
        return "AVIF" if brands & set(_AVIF_BRANDS) else ""
    return next((name for name, signature in _SIGNATURES if signature.match(prefix)), "")


def holds_image(path: str) -> bool:
    """Whether a file is an image by its extension or its content. Raises OSError where it cannot be opened."""
    if has_image_extension(path):
        return True
    if path.lower().endswith(_RAW):
        return False
    from .current_readers import current_readers
    from .readers import PREFIX, reader_of

    with open(path, "rb") as file:
        start = file.read(PREFIX)
    return bool(image_format(start)) or reader_of(Path(path), start, current_readers()) is not None
