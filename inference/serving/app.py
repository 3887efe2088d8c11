"""The web application: the routes of the API and the pages, behind the guard."""

from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from pixlate._version import __version__

from .guard import Access, App, Guard
from .page import api_page, drawing_page, policy
from .problems import Problem, ProblemBody, internal
from .routes import api_routes
from .service import Service

DESCRIPTION = "Translates images with trained models. Every refusal has a word for programs and a sentence for people."
EXPOSED = ("Server-Timing", "X-Model-Sha256", "X-Image-Size", "X-Model-Name", "Retry-After")


def create_app(service: Service, access: Access) -> Guard:
    """The ASGI application of a service.

    - access: whom it answers.
    """
    app = FastAPI(title="pixlate", version=__version__, description=DESCRIPTION, docs_url=None, redoc_url=None)
    app.include_router(api_routes(service))
    app.add_api_route("/", _page(drawing_page(service)), methods=["GET", "HEAD"], include_in_schema=False)
    document = _described(app)
    app.add_api_route("/docs", _page(api_page(document)), methods=["GET", "HEAD"], include_in_schema=False)
    setattr(app, "openapi", lambda: document)  # noqa: B010  # FastAPI's way to replace it; mypy sees a method
    app.add_exception_handler(Problem, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
    if access.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(access.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type", "Content-Disposition"],
            expose_headers=list(EXPOSED),
        )
    return Guard(cast(App, app), access)


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, without FastAPI's own refusals: `_invalid` replaces them."""
    document: dict[str, Any] = app.openapi()
    for ways in document["paths"].values():
        for operation in ways.values():
            answers = operation["responses"]
            if "HTTPValidationError" in str(answers.get("422")):
                del answers["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    return document


def _page(html: str) -> Any:
    headers = {"Content-Security-Policy": policy(html)}

    async def show() -> Response:
        return Response(html, media_type="text/html; charset=utf-8", headers=headers)

    return show


def _answer(problem: Problem) -> Response:
    body: ProblemBody = problem.body
    content = {"error": body.error, "reason": body.reason, "id": body.id}
    return JSONResponse(content, problem.status, headers=problem.headers)


async def _refused(request: Request, problem: Any) -> Response:
    return _answer(problem)


async def _invalid(request: Request, error: Any) -> Response:
    first = error.errors()[0]
    name = str(first.get("loc", ("parameter",))[-1])
    reason = f"The parameter '{name}' is refused: {str(first.get('msg', 'it is invalid')).rstrip('.')}."
    return _answer(Problem(400, "parameter", reason))


async def _http_error(request: Request, error: Any) -> Response:
    path = request.url.path[:100]
    reasons = {
        404: ("not_found", f"There is nothing at '{path}': /docs lists the addresses."),
        405: ("method", f"'{path}' does not take {request.method[:20]}: /docs lists what it takes."),
    }
    word, reason = reasons.get(error.status_code, ("refused", f"The request is refused: {error.detail}."))
    return _answer(Problem(error.status_code, word, reason, error.headers))


async def _unexpected(request: Request, error: Any) -> Response:
    return _answer(internal(error))
