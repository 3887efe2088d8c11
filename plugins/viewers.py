"""The built-in viewers, registered as any plugin registers its own."""

from .hookspecs import hookimpl
from .registry import Register
from .viewer_options import (
    HtmlPageOptions,
    TensorBoardOptions,
    VisdomOptions,
    WandbOptions,
)


@hookimpl
def register_viewers(register: Register) -> None:
    register("loss_log", "pixlate.plugins.loss_log:LossLog", help="loss_log.txt, losses.jsonl and timing.jsonl")
    register("console", "pixlate.plugins.console:Console", help="a progress line on the terminal")
    register(
        "html_page",
        "pixlate.plugins.html_page:HtmlPage",
        config=HtmlPageOptions,
        help="the page of a training, web/index.html",
    )
    register(
        "visdom",
        "pixlate.plugins.visdom_viewer:VisdomViewer",
        config=VisdomOptions,
        help="curves and pictures in a visdom server",
    )
    register(
        "tensorboard",
        "pixlate.plugins.tensorboard_viewer:TensorBoardViewer",
        config=TensorBoardOptions,
        help="curves and pictures for TensorBoard",
    )
    register(
        "wandb",
        "pixlate.plugins.wandb_viewer:WandbViewer",
        config=WandbOptions,
        help="curves and pictures in Weights & Biases",
    )
