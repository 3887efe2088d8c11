"""The command `pixlate serve`: a page and an HTTP API that translate with trained models."""

import re

import click

from pixlate.errors import OptionError
from pixlate.options.ranges import COUNT, RATIO
from pixlate.plugins.discovery import load_files
from pixlate.plugins.manager import Plugins
from pixlate.util.optional import require_extra
from pixlate.util.output import complain, say

from . import common_options

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LIBRARIES = ("fastapi", "uvicorn", "python_multipart")


@click.command("serve")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="the address to listen on")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any free one")
@common_options.epoch
@common_options.device
@click.option("--threads", type=COUNT, metavar="N", help="threads on a CPU [default: PyTorch's choice]")
@click.option("--max_bytes", type=COUNT, default=20 * 2**20, show_default=True, help="of a request's body")
@click.option("--max_pixels", type=COUNT, default=2048 * 2048, show_default=True, help="of an image")
@click.option(
    "--timeout",
    type=RATIO,
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="in which an image must arrive, then its translation begin, then the answer be taken",
)
@click.option("--queue", type=COUNT, default=32, show_default=True, help="requests that may wait")
@click.option("--allow_host", "hosts", multiple=True, metavar="NAME", help="another name of this server (repeatable)")
@click.option(
    "--allow_origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="pages of this origin may use the API: https://example.org (repeatable)",
)
@common_options.plugin_files
@click.pass_obj
def serve_command(
    plugins: Plugins,
    runs: tuple[str, ...],
    host: str,
    port: int,
    epoch: str,
    device: str,
    threads: int | None,
    max_bytes: int,
    max_pixels: int,
    timeout: float,
    queue: int,
    hosts: tuple[str, ...],
    origins: tuple[str, ...],
    files: tuple[str, ...],
) -> None:
    """Serve trained models: a page to open or draw an image on, and an HTTP API, documented at /docs.

    RUN: a run's folder, the name of one in ./checkpoints, or a file that `pixlate.load` reads. Only programs on this
    machine reach the server, unless --host says otherwise. Ctrl-C stops it.
    """
    origins = tuple(_origin(origin) for origin in origins)
    for module in LIBRARIES:
        require_extra(module, "serve", "pixlate serve")
    from pixlate.inference.serving.app import create_app
    from pixlate.inference.serving.guard import Access
    from pixlate.inference.serving.limits import Limits
    from pixlate.inference.serving.models import load_models, require_room
    from pixlate.inference.serving.server import listening, serve
    from pixlate.inference.serving.service import Service
    from pixlate.runs.signals import stop_on_signals

    load_files(plugins, files)
    limits = Limits(max_bytes, max_pixels, timeout, queue)
    with listening(host, port) as sock:  # before the models, whose loading takes a while
        models = load_models(plugins, runs, epoch=epoch, device=device)
        require_room(models, limits)
        if host not in LOOPBACK:
            complain(
                f"warning: everybody who reaches {host} can use this server, without a password and without "
                "encryption: put a reverse proxy before it that has both."
            )
        address = f"http://{f'[{host}]' if ':' in host else host}:{sock.getsockname()[1]}/"

        def ready() -> None:
            say(f"Serving {', '.join(models)} at {address} (API: /docs). Ctrl-C stops it.")

        access = Access((*LOOPBACK, host, *hosts) if host in LOOPBACK or hosts else (), origins)
        with stop_on_signals() as stop, Service(models, limits, threads or 0) as service:
            serve(create_app(service, access), sock, timeout=timeout, ready=ready, stopped=lambda: bool(stop))
            stop.raise_if_set("Requests that had begun were answered.")


def _origin(text: str) -> str:
    """An origin as browsers send it. Raises OptionError for anything else, such as the address of a page."""
    origin = text.lower().removesuffix("/")
    if re.fullmatch(r"https?://[^/?#@\s]+", origin) is None:
        raise OptionError(f"--allow_origin {text} is no origin: write it as https://example.org, without a path.")
    return origin
