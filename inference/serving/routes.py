"""The routes of the HTTP API, and what its OpenAPI document says about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Query, Request, Response

from pixlate._version import __version__

from .images import FORMATS
from .limits import Limits
from .models import ModelInfo, find
from .problems import ProblemBody
from .requests import MEDIA_TYPES, MULTIPART
from .service import Asked, Service

#: For each status when it comes, and an example: `error` and `reason`.
REFUSALS = {
    400: (
        "The body is empty, or a parameter has a value that it cannot have.",
        ("direction", "The model 'houses' translates AtoB, not 'BtoA'."),
    ),
    403: (
        "The request comes from a page of another server.",
        ("origin", "Pages of 'https://example.org' may not use this server (--allow_origin)."),
    ),
    404: ("There is no model of this name.", ("unknown_model", "There is no model 'hoses'. Did you mean 'houses'?")),
    406: (
        "The answer cannot have the format that is asked for.",
        ("accept", "Accept 'text/html' has none of the formats image/png, image/jpeg, image/webp or image/tiff."),
    ),
    408: ("The body did not arrive in time.", ("slow_body", "The image did not arrive within 60 s (--timeout).")),
    413: (
        "The body has too many bytes, or the image too many pixels.",
        ("too_many_bytes", "The body has 31457280 bytes; this server takes 20971520 bytes (--max_bytes)."),
    ),
    415: (
        "The Content-Type is not that of an image.",
        ("media_type", "There is no Content-Type: send an image as image/png, image/jpeg, …"),
    ),
    421: (
        "The header Host names another server.",
        ("host", "This server is not 'example.org': use http://localhost, or start it with --allow_host."),
    ),
    422: (
        "The body is no image, or damaged, or does not fit the model.",
        ("bad_image", "The image cannot be read: it is damaged (image file is truncated)."),
    ),
    500: (
        "An error of the server; its log describes it under the id.",
        ("internal", "The server made an error, which its log describes under the id 1f3c9a02."),
    ),
    503: (
        "The queue is full: try again after the seconds in the header Retry-After.",
        ("busy", "The server is busy: its queue is full. Try again in 3 s."),
    ),
    504: (
        "The image waited too long for its turn, and was not translated.",
        ("timeout", "The image waited for 60 s (--timeout) and was not translated."),
    ),
}
COMMON = (403, 421, 500)  # of every route


@dataclass(frozen=True)
class Models:
    """The models of a server, the limits of requests, and the version of pixlate."""

    models: Sequence[ModelInfo]
    limits: Limits
    version: str = __version__


@dataclass(frozen=True)
class Health:
    """The state of a server: how many images are received, wait or are translated, and how many may wait."""

    status: str
    receiving: int
    unfinished: int
    queue: int


def api_routes(service: Service) -> APIRouter:
    """The routes of the API."""
    router = APIRouter()
    limits = service.limits

    async def models() -> Models:
        """The models, with their directions and channels, and the limits of requests."""
        return Models([served.info for served in service.models.values()], limits)

    async def model(name: Annotated[str, Path(description="of the model")]) -> ModelInfo:
        """One model."""
        return find(service.models, name).info

    async def health() -> Health:
        """Whether the server runs: always 200."""
        return Health("ok", service.receiving, service.worker.unfinished, limits.queue)

    async def ready() -> Health:
        """Whether the server takes an image now: 200, or 503 while its queue is full."""
        if service.worker.is_full:
            raise service.worker.refusal()
        return await health()

    async def translate(
        request: Request,
        model: Annotated[str, Path(description="name of the model")],
        direction: Annotated[str, Query(description="AtoB or BtoA [default: the model's own]")] = "",
        eval: Annotated[
            bool, Query(description="batch norm by its running statistics, and no dropout, as test.py --eval")
        ] = False,
        format: Annotated[str, Query(description=f"of the answer: {', '.join(FORMATS)}; precedes Accept")] = "",
        name: Annotated[
            str, Query(description="of the image, which seeds dropout [default: the name of its file]", max_length=255)
        ] = "",
    ) -> Response:
        """Translate an image: the body is its file, or a form with the file.

        The answer is what `pixlate.load(run)(image, name=name)` gives, of the size of the image times the output scale.

            curl --data-binary @labels.png -H "Content-Type: image/png" -o photo.png ADDRESS/v1/models/MODEL/translate
        """
        answer, digest = await service.answer(request, Asked(model, direction, eval, format, name))
        timing = ", ".join(f"{part};dur={1000 * seconds:.1f}" for part, seconds in answer.seconds.items())
        total = f"total;dur={1000 * sum(answer.seconds.values()):.1f}"
        headers = {
            "Server-Timing": f"{timing}, {total}",
            "X-Model-Sha256": digest,
            "X-Image-Size": "x".join(map(str, answer.size)),
            "X-Model-Name": quote(model),
        }
        return Response(answer.content, media_type=answer.media_type, headers=headers)

    router.add_api_route("/v1/models", models, **_get("models", "the models"))
    router.add_api_route("/v1/models/{name}", model, **_get("models", "the model", 404))
    router.add_api_route(
        "/v1/models/{model}/translate",
        translate,
        methods=["POST"],
        tags=["translation"],
        response_class=Response,
        responses={200: _image_answer(), **_problems(400, 404, 406, 408, 413, 415, 422, 503, 504)},
        openapi_extra={"requestBody": _image_body(limits)},
    )
    router.add_api_route("/health", health, **_get("state", "it runs"))
    router.add_api_route("/ready", ready, **_get("state", "it takes an image", 503))
    return router


def _get(tag: str, answer: str, *statuses: int) -> dict[str, Any]:
    """What FastAPI is told of a route that is read."""
    return {
        "methods": ["GET"],
        "tags": [tag],
        "response_description": answer,
        "responses": _problems(*statuses),
    }


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says of refusals: when they come, what they hold, and an example of each."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in sorted({*statuses, *COMMON}):
        meaning, (error, reason) = REFUSALS[status]
        example = {"error": error, "reason": reason, "id": "1f3c9a02" if status == 500 else ""}
        content = {"application/json": {"example": example}}
        found[status] = {"model": ProblemBody, "description": meaning, "content": content}
        if status == 503:
            after = {"description": "seconds until there may be a place", "schema": {"type": "integer"}}
            found[status]["headers"] = {"Retry-After": after}
    return found


def _image_answer() -> dict[str, Any]:
    content = {media_type: {"schema": _BINARY} for media_type, _ in FORMATS.values()}
    text = {"type": "string"}
    headers = {
        "Server-Timing": {"description": "milliseconds: wait, read, translate, encode, total", "schema": text},
        "X-Model-Sha256": {"description": "digest of the weights that made the image", "schema": text},
        "X-Image-Size": {"description": "width and height in pixels: 256x256", "schema": text},
        "X-Model-Name": {"description": "name of the model", "schema": text},
    }
    return {"description": "the translated image", "content": content, "headers": headers}


def _image_body(limits: Limits) -> dict[str, Any]:
    upload = {"type": "object", "properties": {"image": _BINARY}, "required": ["image"]}
    content: Mapping[str, Any] = {
        **{media_type: {"schema": {**_BINARY, "maxLength": limits.max_bytes}} for media_type in MEDIA_TYPES},
        MULTIPART: {"schema": upload},
    }
    about = f"An image of at most {limits.max_bytes} bytes and {limits.max_pixels} pixels."
    return {"required": True, "description": about, "content": content}


_BINARY = {"type": "string", "format": "binary"}
