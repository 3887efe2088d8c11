"""PNG files whose texts are larger than Pillow accepts: the texts are left out, because only the pixels matter."""

import io
import zlib
from typing import BinaryIO

from pixlate.errors import DataError

_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_PROFILE = b"iCCP"
_LARGEST_PROFILE = 2**24  # bytes of a decompressed profile; real ones have up to about 4 MB


def is_text_limit(error: BaseException) -> bool:
    """Whether an error of Pillow says that the texts or the colour profile of a PNG file are large."""
    text = str(error)
    return isinstance(error, ValueError) and ("MAX_TEXT_CHUNK" in text or "text chunks" in text)


def without_texts(file: BinaryIO) -> tuple[BinaryIO, bytes]:
    """A copy of a PNG file, in memory, without texts and colour profile, and that profile; empty for none."""
    file.seek(0)
    copy = io.BytesIO()
    copy.write(file.read(8))
    profile = b""
    while len(head := file.read(8)) == 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind in _TEXTS:
            file.seek(length + 4, io.SEEK_CUR)
            continue
        rest = file.read(length + 4)
        if kind == _PROFILE:
            profile = _decompressed(rest[:-4])
        else:
            copy.write(head + rest)
        if kind == b"IEND":
            break
    copy.seek(0)
    return copy, profile


def _decompressed(chunk: bytes) -> bytes:
    """The profile in an iCCP chunk: a name, a zero, the method 0, and compressed data. Empty where it is too large."""
    start = chunk.find(b"\0") + 2
    decompressor = zlib.decompressobj()
    try:
        profile = decompressor.decompress(chunk[start:], _LARGEST_PROFILE)
    except zlib.error as error:
        raise DataError(f"its colour profile is damaged ({error})") from None
    return b"" if decompressor.unconsumed_tail else profile
