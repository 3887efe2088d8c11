"""Requests that are refused: a status, a word for programs, and a sentence for people."""

import logging
import secrets
import traceback
from collections.abc import Mapping
from dataclasses import dataclass

from pixlate.data.bad_image import BadImageError
from pixlate.errors import DataError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProblemBody:
    """The content of every answer that is no success.

    - error: a word that does not change: "too_many_pixels".
    - reason: a sentence: what was given, what is allowed, what to do.
    - id: of an error of the server, under which its log has the details; empty for others.
    """

    error: str
    reason: str
    id: str = ""


class Problem(Exception):
    """A request that is answered with a reason instead of an image.

    - status: of HTTP; error, reason: those of `ProblemBody`; headers: further ones of the answer.
    """

    def __init__(self, status: int, error: str, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.body, self.headers = status, ProblemBody(error, reason), dict(headers or {})


def busy(seconds: float) -> Problem:
    """The answer where no request is taken at the moment; in so many seconds there may be a place."""
    after = str(min(60, max(1, round(seconds))))
    reason = f"The server is busy: its queue is full. Try again in {after} s."
    return Problem(503, "busy", reason, {"Retry-After": after})


def unreadable(error: DataError) -> Problem:
    """The answer for an image that cannot be read, or does not fit the model. It does not tell where the server's
    copy of the image is."""
    text = str(error)
    if isinstance(error, BadImageError):
        text = f"The image cannot be read: {text.partition(' as an image: ')[2] or 'it is damaged.'}"
    return Problem(422, "bad_image", text)


def internal(error: BaseException) -> Problem:
    """The answer for an error that nobody expected, which is logged under the id that the answer tells."""
    number = secrets.token_hex(4)
    details = "".join(traceback.format_exception(error))
    log.error(f"error {number} in the server:\n{details}")
    problem = Problem(500, "internal", f"The server made an error, which its log describes under the id {number}.")
    problem.body = ProblemBody(problem.body.error, problem.body.reason, number)
    return problem
