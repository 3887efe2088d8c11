"""The command `pixlate download`."""

import shlex
from pathlib import Path

import click

from pixlate.util.output import complain, print_result, say
from pixlate.util.program import program


@click.command("download")
@click.argument("name", required=False)
@click.option("--pretrained", is_flag=True, help="NAME is a generator of the reference's authors, not a data set")
@click.option(
    "--to",
    "root",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="folder in which the folder NAME is created [default: ./datasets, or ./checkpoints with --pretrained]",
)
@click.option(
    "--url",
    "urls",
    multiple=True,
    metavar="ADDRESS",
    help="address of a server (repeatable: tried in order) [default: PIXLATE_DOWNLOAD_URL, else Berkeley's]",
)
@click.option("--sha256", default="", metavar="HEX", help="checksum that the file must have")
def download_command(name: str | None, pretrained: bool, root: Path | None, urls: tuple[str, ...], sha256: str) -> None:
    """Download the public data set NAME to ./datasets/NAME; without NAME, list what there is.

    With --pretrained, download a trained generator to ./checkpoints/NAME_pretrained.
    """
    from pixlate.data.download.servers import valid_sha256

    if name is None:
        _list()
        return
    fetch = _generator if pretrained else _dataset
    default = Path("./checkpoints" if pretrained else "./datasets")
    fetch(name, (root or default).expanduser(), " ".join(urls), valid_sha256(sha256))


def _list() -> None:
    """One line each, so that other programs can read the list."""
    from pixlate.data.download.catalogue import DATASETS
    from pixlate.data.download.generators import GENERATORS

    for dataset, source in DATASETS.items():
        print_result(f"{dataset:33}{source.layout:12}{source.about}")
    for name, generator in GENERATORS.items():
        print_result(f"{name:33}{'pretrained':12}{generator.about}")


def _dataset(name: str, root: Path, base_url: str, sha256: str) -> None:
    from pixlate.data.download.catalogue import OTHER_FORMS, remote
    from pixlate.data.download.fetching import download

    source = remote(name)
    if (root / name).is_dir():
        say(f"{root / name} exists already.")
        download(name, root)  # removes what a killed download has left
    else:
        with _ProgressBar(name) as progress:
            download(name, root, base_url=base_url, sha256=sha256, report=progress.report)
    model = "pix2pix" if source.layout == "aligned" else "cycle_gan"
    say(f"Next: {program('train')} --model {model} --dataroot {shlex.quote(str(root / name))}")
    if name in OTHER_FORMS:
        form, other_model = ("pairs", "cycle_gan") if model == "pix2pix" else ("unpaired", "pix2pix")
        say(f"These are {form}; {other_model} takes {OTHER_FORMS[name]}.")


def _generator(name: str, root: Path, base_url: str, sha256: str) -> None:
    from pixlate.data.download.generators import FILE, download_generator, generator

    source = generator(name)
    if (root / source.run / FILE).is_file():
        say(f"{root / source.run / FILE} exists already.")
    else:
        with _ProgressBar(name) as progress:
            download_generator(name, root, _check_weights, base_url=base_url, sha256=sha256, report=progress.report)
    place = "" if root == Path("checkpoints") else f" --checkpoints_dir {shlex.quote(str(root))}"
    say(f"Next: {program('test')} --name {source.run}{place} {source.options} --dataroot FOLDER")


def _check_weights(path: Path) -> None:
    """Raise CheckpointError for a file that is no generator. Nothing in it is executed."""
    from pixlate.models.networks.architecture import infer_generator
    from pixlate.models.weights import read_weights

    infer_generator(read_weights(path))


class _ProgressBar:
    """A progress bar where stderr is a terminal; otherwise one line at the end."""

    def __init__(self, name: str) -> None:
        # Imported here, because `pixlate --help` imports this module, and rich would slow it down.
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        self._name = name
        self._received = 0  # bytes
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task(name, total=None)

    def report(self, received: int, total: int | None) -> None:
        """Show the bytes received, and the total where it is known (else None)."""
        self._received = received
        self._bar.update(self._task, completed=received, total=total)
        if total is not None and received == total:
            self._bar.update(self._task, description=f"{self._name}: checking")

    def __enter__(self) -> "_ProgressBar":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()
        if self._bar.disable and error[0] is None:
            complain(f"{self._name}: {self._received / 1e6:.1f} MB downloaded")
