"""From tensors to image files: 8-bit conversion, and PNG files that are whole or absent."""

import io
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from .files import write_whole

Pixels8 = NDArray[np.uint8]


def to_image(tensor: Tensor) -> Pixels8:
    """An H×W×3 8-bit image from a tensor in [-1, 1], N×C×H×W (its first image) or C×H×W.

    (x + 1) / 2 · 255, cut to whole numbers, not rounded. One channel is repeated to grey; two are shown
    as red and green, and of more than three the first three. NaN becomes black.
    """
    values = (tensor[0] if tensor.ndim == 4 else tensor).detach().float()
    channels = values.shape[0]
    if channels == 1:
        values = values.expand(3, -1, -1)
    elif channels == 2:
        values = torch.cat([values, values.new_full((1, *values.shape[1:]), -1)])
    shown = ((values[:3].permute(1, 2, 0) + 1) / 2.0 * 255.0).nan_to_num(nan=0.0).clamp(0, 255)
    return shown.to(torch.uint8).cpu().contiguous().numpy()


def stretched_size(image: Pixels8, aspect_ratio: float) -> tuple[int, int]:
    """Width and height after height : width is multiplied by `aspect_ratio`; one side keeps its length."""
    height, width = image.shape[:2]
    if aspect_ratio > 1:
        height = max(1, int(height * aspect_ratio))
    elif aspect_ratio < 1:
        width = max(1, int(width / aspect_ratio))
    return width, height


def save_png(image: Pixels8, path: Path, *, aspect_ratio: float = 1.0) -> None:
    """Write a PNG file, whole or not at all. Raises DataError where it cannot."""
    file = Image.fromarray(image)
    size = stretched_size(image, aspect_ratio)
    if size != file.size:
        file = file.resize(size, Image.Resampling.BICUBIC)
    data = io.BytesIO()
    # Run lengths at level 1: a third of the default's time for photographs, and files as small.
    file.save(data, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    write_whole(path, data.getvalue())


class ImageWriter:
    """Writes PNG files in the background.

    At most `waiting` images are held; beyond that `write` waits, so that memory stays bounded. The first
    failure is raised by the next `write`, or by `close`, as a DataError.
    """

    def __init__(self, threads: int = 2, waiting: int = 64) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="images")
        self._waiting = waiting
        self._tasks: list[Future[None]] = []

    def write(self, image: Pixels8, path: Path, *, aspect_ratio: float = 1.0) -> None:
        """Write one image soon."""
        while self._tasks and (self._tasks[0].done() or len(self._tasks) >= self._waiting):
            self._tasks.pop(0).result()
        self._tasks.append(self._pool.submit(save_png, image, path, aspect_ratio=aspect_ratio))

    def flush(self) -> None:
        """Wait until all images are written; raise the first failure."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.result()

    def close(self) -> None:
        """Write what is left and stop; raise the first failure."""
        self._pool.shutdown()
        self.flush()

    def __enter__(self) -> "ImageWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
