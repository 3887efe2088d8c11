"""The service behind the routes: from a request with an image to its translation."""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from starlette.requests import Request

from .images import Answer, check_size, translate
from .limits import Limits
from .models import Served, find
from .requests import content_type, save_image, wanted_format
from .worker import Worker


@dataclass(frozen=True)
class Asked:
    """What the address of a request asks for.

    - model: its name; direction: "AtoB", "BtoA", or empty for the model's own; evaluate: with running statistics.
    - format: of the answer; empty for what the header Accept says. name: of the image; empty for that of its file.
    """

    model: str
    direction: str = ""
    evaluate: bool = False
    format: str = ""
    name: str = ""


class Service:
    """The models, the limits, and what a server holds while it runs: a thread, and a folder of images in transit.

    - threads: of torch on a CPU; 0 for its own choice.
    """

    def __init__(self, models: Mapping[str, Served], limits: Limits, threads: int = 0) -> None:
        self.models, self.limits = models, limits
        self.worker = Worker(limits, threads)
        self.receiving = 0
        self._headers = ThreadPoolExecutor(2, "pixlate-headers")  # bombs are refused while the worker works
        self._folder = tempfile.TemporaryDirectory(prefix="pixlate-serve-")

    async def answer(self, request: Request, asked: Asked) -> tuple[Answer, str]:
        """The translation of the image of a request, and the digest of the weights that made it. Raises Problem."""
        served = find(self.models, asked.model)
        translator = served.translator(asked.direction, asked.evaluate)
        wanted = wanted_format(asked.format, request.headers.get("accept", ""))
        content_type(request.headers)
        path = Path(self._folder.name) / uuid4().hex
        try:
            with self._place():
                name = await save_image(request, self.limits, path)
                check = partial(check_size, path, translator, self.limits.max_pixels)
                await asyncio.get_running_loop().run_in_executor(self._headers, check)
            start = time.perf_counter()
            work = partial(translate, path, translator, asked.name or name, wanted)
            answer = await self.worker.run(work, request.receive)
        finally:
            path.unlink(missing_ok=True)
        waited = time.perf_counter() - start - sum(answer.seconds.values())
        seconds = {"wait": max(0.0, waited), **answer.seconds}
        return Answer(answer.content, answer.media_type, answer.size, seconds), served.digest(asked.direction)

    def close(self) -> None:
        """End the threads, after the image that is being translated, and remove the folder."""
        self.worker.close()
        self._headers.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def __enter__(self) -> "Service":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _place(self) -> Iterator[None]:
        """A place among those who are received. Raises Problem where there is none, here or in the queue."""
        if self.worker.is_full or self.receiving >= self.limits.queue:
            raise self.worker.refusal()
        self.receiving += 1
        try:
            yield
        finally:
            self.receiving -= 1
