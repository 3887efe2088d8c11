"""What a request says: the image in its body, the image's name, and the format of the answer."""

import re
from collections.abc import Mapping, Sequence
from email.message import Message
from pathlib import Path, PurePath
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

from pixlate.util.text import either

from .images import FORMATS
from .limits import Body, Limits
from .problems import Problem

#: The media types of bodies. The image itself tells its format: browsers and tools name it as they please.
MEDIA_TYPES = (
    *("image/png", "image/jpeg", "image/webp", "image/tiff", "image/bmp", "image/gif", "image/avif", "image/jp2"),
    *("image/x-portable-anymap", "image/x-portable-pixmap", "image/x-portable-graymap", "application/octet-stream"),
)
MULTIPART = "multipart/form-data"
MAX_NAME = 255
CHUNK = 2**16


async def save_image(request: Request, limits: Limits, path: Path) -> str:
    """Write the image of a request into a file; returns the name that the client gives it. Raises Problem."""
    media_type = content_type(request.headers)
    length = request.headers.get("content-length", "")
    body = Body(request.receive, int(length) if length.isdigit() else None, limits)
    with path.open("xb") as file:
        if media_type != MULTIPART:
            await body.save(file.write)
            return _file_name(request.headers.get("content-disposition", ""))
        return await _save_part(Request(request.scope, body.receive), file)


def content_type(headers: Mapping[str, str]) -> str:
    """The media type of a body. Raises Problem for one that is no image."""
    given = headers.get("content-type", "").partition(";")[0].strip().lower()
    if given in MEDIA_TYPES or given == MULTIPART:
        return given
    what = f"The Content-Type is '{given[:60]}'" if given else "There is no Content-Type"
    reason = f"{what}: send an image as image/png, image/jpeg, image/webp, image/tiff, or as {MULTIPART}."
    raise Problem(415, "media_type", reason)


def wanted_format(format: str, accept: str) -> str:
    """The format of the answer, one of FORMATS; empty for any. Raises Problem for others.

    - format: that of the address, which precedes the header Accept.
    """
    wanted = {"jpg": "jpeg", "tif": "tiff"}.get(format.lower(), format.lower())
    if wanted and wanted not in FORMATS:
        raise Problem(400, "format", f"The format '{format[:20]}' is not one of {', '.join(FORMATS)}.")
    if wanted or not accept.strip():
        return wanted
    by_type = {media_type: name for name, (media_type, _) in FORMATS.items()}
    for media_type in _preferred(accept):
        if media_type in ("*/*", "image/*"):
            return ""
        if media_type in by_type:
            return by_type[media_type]
    raise Problem(406, "accept", f"Accept '{accept[:60]}' has none of the formats {either(list(by_type))}.")


def _preferred(accept: str) -> Sequence[str]:
    """The media types of a header Accept, the most wanted first."""
    weighted = []
    for part in accept.split(","):
        media_type, _, parameters = part.partition(";")
        quality = re.search(r"q\s*=\s*([01](?:\.\d{0,3})?)", parameters)
        weighted.append((-float(quality[1]) if quality else -1.0, media_type.strip().lower()))
    return [media_type for quality, media_type in sorted(weighted, key=lambda pair: pair[0]) if quality]


async def _save_part(request: Request, file: Any) -> str:
    """Write the first file of a form; returns its name."""
    try:
        async with request.form(max_files=1, max_fields=16) as form:
            uploads = [value for value in form.values() if not isinstance(value, str)]
            if not uploads:
                raise Problem(400, "empty_body", "The form has no file: send the image as its field 'image'.")
            count = 0
            while chunk := await uploads[0].read(CHUNK):
                count += file.write(chunk)
            if not count:
                raise Problem(400, "empty_body", "The file in the form is empty: send the bytes of an image.")
            return _plain(uploads[0].filename or "")
    except HTTPException as error:
        raise Problem(400, "form", f"The form cannot be read: {str(error.detail).rstrip('.')}.") from None


def _file_name(disposition: str) -> str:
    """The name of the file in a header Content-Disposition, as RFC 6266 has it; empty for none."""
    message = Message()
    message["Content-Disposition"] = disposition[:2000].replace("\r", " ").replace("\n", " ")
    try:
        return _plain(message.get_filename() or "")
    except (LookupError, ValueError):  # of an encoding that there is not
        return ""


def _plain(name: str) -> str:
    """The name without folders, those of Windows too."""
    return PurePath(name.replace("\\", "/")).name[:MAX_NAME]
