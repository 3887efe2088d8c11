"""The command `pixlate download`."""

import shlex
from pathlib import Path

import click

from pixlate.util.output import complain, print_result, say
from pixlate.util.program import program


@click.command("download")
@click.argument("name", required=False)
@click.option(
    "--to",
    "root",
    type=click.Path(path_type=Path),
    default="./datasets",
    show_default=True,
    metavar="FOLDER",
    help="folder in which the data set's folder is created",
)
@click.option(
    "--url",
    default="",
    metavar="ADDRESS",
    help="address of the server [default: PIXLATE_DOWNLOAD_URL, else Berkeley's]",
)
def download_command(name: str | None, root: Path, url: str) -> None:
    """Download the public data set NAME to ./datasets/NAME; without NAME, list the data sets."""
    from pixlate.data.download.catalogue import DATASETS, OTHER_FORMS, remote
    from pixlate.data.download.fetching import download

    if name is None:  # one line each, so that other programs can read the list
        for dataset, source in DATASETS.items():
            print_result(f"{dataset:24}{source.layout:11}{source.about}")
        return
    source = remote(name)
    root = root.expanduser()
    if (root / name).is_dir():
        say(f"{root / name} exists already.")
        download(name, root)  # removes what a killed download has left
    else:
        with _ProgressBar(name) as progress:
            download(name, root, base_url=url, report=progress.report)
    model = "pix2pix" if source.layout == "aligned" else "cycle_gan"
    say(f"Next: {program('train')} --model {model} --dataroot {shlex.quote(str(root / name))}")
    if name in OTHER_FORMS:
        form, other_model = ("pairs", "cycle_gan") if model == "pix2pix" else ("unpaired", "pix2pix")
        say(f"These are {form}; {other_model} takes {OTHER_FORMS[name]}.")


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
            self._bar.update(self._task, description=f"{self._name}: unpacking")

    def __enter__(self) -> "_ProgressBar":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()
        if self._bar.disable and error[0] is None:
            complain(f"{self._name}: {self._received / 1e6:.1f} MB downloaded and unpacked")
