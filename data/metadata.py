"""What an image file says of itself: how it is turned (EXIF), and the colour space of its values (ICC profile).

Both are read from the header, before the pixels. Where either cannot be understood, the image is as it is stored.
"""

import functools
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageCms

_ORIENTATION = 0x0112  # the EXIF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUARTER_TURNS = (5, 6, 7, 8)
_SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # Pillow's modes of the spaces of profiles
_SAME = 2  # levels of 255 by which a conversion to sRGB may differ from the identity and count as it


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8, of an image that was opened and not yet decoded; 1 where there is none.

    Pillow applies that of TIFF files itself. That of a PNG file counts where it precedes the pixels.
    """
    if image.format == "TIFF" or (image.format == "PNG" and "exif" not in image.info):
        return 1
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # Pillow raises many types for damaged EXIF data
        return 1
    return value if value in _TURNS else 1


def upright(image: Image.Image, turn: int) -> Image.Image:
    """The image as people see it, from its EXIF orientation."""
    return image.transpose(_TURNS[turn]) if turn in _TURNS else image


def upright_size(size: tuple[int, int], turn: int) -> tuple[int, int]:
    """The width and height of `upright`."""
    return size[::-1] if turn in _QUARTER_TURNS else size


def profile_of(image: Image.Image) -> bytes:
    """The ICC profile whose conversion to sRGB changes the image's colours; empty for none."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile:
        return b""
    return profile if _conversion(profile, _profile_mode(image)) is not None else b""


def profile_name(profile: bytes) -> str:
    """The description of an ICC profile, such as "Display P3"."""
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip() or "unnamed"
    except Exception:  # of a damaged profile, which nothing is read from
        return "unnamed"


def in_srgb(image: Image.Image) -> Image.Image:
    """An 8-bit image with its colours converted from its ICC profile to sRGB: RGB, or RGBA where it has transparency.

    An image without a profile, with one of another colour space than its own, or with more than 8 bits is unchanged.
    """
    profile = image.info.get("icc_profile")
    mode = _profile_mode(image)
    conversion = _conversion(profile, mode) if isinstance(profile, bytes) and profile else None
    if conversion is None:
        return image
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    colours = image if image.mode == mode else image.convert("RGB" if mode == "RGB" else "L")
    converted = ImageCms.applyTransform(colours, conversion)
    assert converted is not None  # it is None for inPlace alone
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def lab_to_rgb(image: Image.Image) -> Image.Image:
    """An image of CIELAB values (D50) as sRGB."""
    converted = ImageCms.applyTransform(image, _lab_conversion())
    assert converted is not None  # it is None for inPlace alone
    return converted


def _profile_mode(image: Image.Image) -> str:
    """The mode, without transparency, in which a profile describes the image's values; empty where none does."""
    return {"RGB": "RGB", "RGBA": "RGB", "RGBX": "RGB", "P": "RGB", "L": "L", "LA": "L", "CMYK": "CMYK"}.get(
        image.mode, ""
    )


@functools.lru_cache(maxsize=16)
def _conversion(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """The conversion from a profile to sRGB; None where it would change nothing, or does not fit the mode."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if not mode or _SPACES.get(source.profile.xcolor_space.strip()) != mode:
            return None
        conversion = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        return None if mode != "CMYK" and _changes_nothing(conversion, mode) else conversion
    except Exception:  # PyCMSError, OSError and others for a damaged profile
        return None


def _changes_nothing(conversion: ImageCms.ImageCmsTransform, mode: str) -> bool:
    levels: Sequence[int] = range(0, 256, 15)
    if mode == "L":
        probe = np.array([levels], np.uint8)
        expected = np.repeat(probe[..., None], 3, 2)
    else:
        probe = expected = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3).astype(np.uint8)
    converted = np.asarray(ImageCms.applyTransform(Image.fromarray(probe), conversion), np.int16)
    return int(np.abs(converted - expected).max()) <= _SAME


@functools.cache
def _lab_conversion() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
