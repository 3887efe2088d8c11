"""From tensors to image files: conversion to 8 bits, and atomically written PNG files."""

import base64
import io
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from .files import write_whole

ImageArray = NDArray[np.uint8]  # H×W×3, RGB, or H×W, grey


def to_image(tensor: Tensor) -> ImageArray:
    """An 8-bit RGB image, H×W×3, from a tensor in [-1, 1], C×H×W or N×C×H×W, of which it takes the first image.

    (x + 1) / 2 · 255, truncated instead of rounded, as in the reference; values outside the range are clamped, and
    NaN becomes black. One channel is shown as grey, two as red and green, and of more than three the first three.
    """
    values = (tensor[0] if tensor.ndim == 4 else tensor).detach().float()
    channels = values.shape[0]
    if channels == 1:
        values = values.expand(3, -1, -1)
    elif channels == 2:
        values = torch.cat([values, values.new_full((1, *values.shape[1:]), -1)])
    pixels = ((values[:3].permute(1, 2, 0) + 1) / 2.0 * 255.0).nan_to_num(nan=0.0).clamp(0, 255)
    return pixels.to(torch.uint8).cpu().contiguous().numpy()


def to_saved_image(tensor: Tensor) -> ImageArray:
    """The image of `to_image`, H×W where the tensor has one channel: a file then has one too."""
    image = to_image(tensor)
    return image[..., 0] if tensor.shape[-3] == 1 else image


def data_address(image: ImageArray) -> str:
    """The image as the address of its own PNG file, for a page that is one file."""
    data = io.BytesIO()
    Image.fromarray(image).save(data, "PNG")
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"


def stretched_size(image: ImageArray, aspect_ratio: float) -> tuple[int, int]:
    """(width, height) when height : width is multiplied by `aspect_ratio`, by enlarging one side."""
    height, width = image.shape[:2]
    if aspect_ratio > 1:
        height = max(1, int(height * aspect_ratio))
    elif aspect_ratio < 1:
        width = max(1, int(width / aspect_ratio))
    return width, height


#: How files are encoded, by suffix: Pillow's name of the format, and its options.
FORMATS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    # Run-length encoding at level 1 takes a third of the default's time for photographs, and files are as small.
    ".png": ("PNG", {"compress_level": 1, "compress_type": zlib.Z_RLE}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 90}),
    ".tif": ("TIFF", {"compression": "tiff_deflate"}),
}


def save_image(image: ImageArray, path: Path, *, aspect_ratio: float = 1.0) -> None:
    """Write an image file atomically, in the format of its suffix. Raises DataError when it cannot be written."""
    output = Image.fromarray(np.ascontiguousarray(image))
    size = stretched_size(image, aspect_ratio)
    if size != output.size:
        output = output.resize(size, Image.Resampling.BICUBIC)
    data = io.BytesIO()
    name, options = FORMATS[path.suffix]
    output.save(data, name, **options)
    write_whole(path, data.getvalue())


class ImageWriter:
    """Writes image files in background threads: zlib, which takes most of the time, releases the interpreter lock.

    At most `max_pending` images are held in memory; beyond that `write` waits. The first failure is raised by a later
    `write`, or by `close`, as a DataError.
    """

    def __init__(self, threads: int = 2, max_pending: int = 64) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="images")
        self._max_pending = max_pending
        self._tasks: list[Future[None]] = []

    def write(self, image: ImageArray, path: Path, *, aspect_ratio: float = 1.0) -> None:
        """Queue one image."""
        self.queue(lambda: save_image(image, path, aspect_ratio=aspect_ratio))

    def queue(self, write: Callable[[], None]) -> None:
        """Queue the writing of one file; `write` raises DataError where it cannot be written."""
        while self._tasks and (self._tasks[0].done() or len(self._tasks) >= self._max_pending):
            self._tasks.pop(0).result()
        self._tasks.append(self._pool.submit(write))

    def flush(self) -> None:
        """Wait until all images are written; raise the first failure."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.result()

    def close(self) -> None:
        """Write the queued images and stop the threads; raise the first failure."""
        self._pool.shutdown()
        self.flush()

    def __enter__(self) -> "ImageWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
