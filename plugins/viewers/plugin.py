"""The built-in viewers, registered as any plugin registers its own."""

from pixlate.plugins.hookspecs import hookimpl
from pixlate.plugins.registry import Register

from .options import (
    HtmlPageOptions,
    TensorBoardOptions,
    VisdomOptions,
    WandbOptions,
)


@hookimpl
def register_viewers(register: Register) -> None:
    register("loss_log", "pixlate.plugins.viewers.loss_log:LossLog", help="loss_log.txt, losses.jsonl and timing.jsonl")
    register("console", "pixlate.plugins.viewers.console:Console", help="a progress line on the terminal")
    register(
        "html_page",
        "pixlate.plugins.viewers.html_page:HtmlPage",
        config=HtmlPageOptions,
        help="the page of a training, web/index.html",
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
