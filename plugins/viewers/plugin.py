"""Registers the built-in viewers, and declares their options.

This module imports neither torch nor a viewer's library, so that `--help` stays fast.
"""

from dataclasses import dataclass
from typing import ClassVar

import click

from pixlate.options.fields import option
from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.registry import Register

COUNT = click.IntRange(min=1)


@dataclass(frozen=True)
class HtmlPageOptions:
    """The page of a training run, web/index.html."""

    TITLE: ClassVar[str] = "HTML page"

    html: bool = option(True, "write the run's page web/index.html", flag="--no_html")
    update_html_freq: int = option(1000, "images between updates of the training images on the page", type=COUNT)
    display_winsize: int = option(256, "width of images on the page, in pixels", type=COUNT)


@dataclass(frozen=True)
class VisdomOptions:
    """Curves and images in a visdom server."""

    TITLE: ClassVar[str] = "visdom"

    display_id: int = option(1, "number of the first window; 0 or less turns visdom off", type=click.INT)
    display_server: str = option("http://localhost", "address of the server", metavar="URL")
    display_port: int = option(8097, "port of the server", type=click.IntRange(1, 65535))
    display_env: str = option("main", "environment on the server")
    display_ncols: int = option(4, "images per row; with 0 each image has its own window", type=click.INT)


@dataclass(frozen=True)
class TensorBoardOptions:
    """Scalars and images in the run's folder tensorboard/."""

    TITLE: ClassVar[str] = "TensorBoard"

    tensorboard: bool = option(False, "write curves and images for TensorBoard")


@dataclass(frozen=True)
class WandbOptions:
    """Curves and images in a project of Weights & Biases."""

    TITLE: ClassVar[str] = "Weights & Biases"

    use_wandb: bool = option(False, "send curves and images to Weights & Biases")
    wandb_project_name: str = option("CycleGAN-and-pix2pix", "project of the run")


@dataclass(frozen=True)
class TrackioOptions:
    """Curves, images and warnings in a local database of trackio."""

    TITLE: ClassVar[str] = "trackio"

    trackio: bool = option(False, "log curves and images with trackio, in .trackio beside the runs")
    trackio_project: str = option("pixlate", "project of the run in trackio")


@hookimpl
def register_viewers(register: Register) -> None:
    register("loss_log", "pixlate.plugins.viewers.loss_log:LossLog", help="loss_log.txt, losses.jsonl and timing.jsonl")
    register("console", "pixlate.plugins.viewers.console:Console", help="a progress line on the terminal")
    register(
        "reference_lines",
        "pixlate.plugins.viewers.reference_lines:ReferenceLines",
        help="lines of the reference's output, where it is not a terminal",
    )
    register(
        "html_page",
        "pixlate.plugins.viewers.html_page:HtmlPage",
        config=HtmlPageOptions,
        help="the page of a training run, web/index.html",
    )
    register(
        "visdom",
        "pixlate.plugins.viewers.visdom_viewer:VisdomViewer",
        config=VisdomOptions,
        help="curves and images in a visdom server",
    )
    register(
        "tensorboard",
        "pixlate.plugins.viewers.tensorboard_viewer:TensorBoardViewer",
        config=TensorBoardOptions,
        help="curves and images for TensorBoard",
    )
    register(
        "wandb",
        "pixlate.plugins.viewers.wandb_viewer:WandbViewer",
        config=WandbOptions,
        help="curves and images in Weights & Biases",
    )
    register(
        "trackio",
        "pixlate.plugins.viewers.trackio_viewer:TrackioViewer",
        config=TrackioOptions,
        help="curves, images and warnings in a local database of trackio",
    )
