"""The command `pixlate download`."""

import sys
from pathlib import Path

import click


@click.command("download")
@click.argument("name", required=False)
@click.option(
    "--to",
    "root",
    type=click.Path(path_type=Path),
    default="./datasets",
    show_default=True,
    metavar="FOLDER",
    help="folder that receives the data set's folder",
)
@click.option(
    "--url", default="", metavar="ADDRESS", help="another server [default: PIXLATE_DOWNLOAD_URL, else Berkeley's]"
)
def download_command(name: str | None, root: Path, url: str) -> None:
    """Download a public data set to ./datasets/NAME; without NAME, list them."""
    from pixlate.data.download.catalogue import DATASETS, remote
    from pixlate.data.download.fetching import download

    if name is None:
        for dataset, source in DATASETS.items():
            click.echo(f"{dataset:24}{source.layout:11}{source.about}")
        return
    source = remote(name)
    if (root / name).exists():
        click.echo(f"{root / name} exists already.")
    else:
        with _ProgressBar(name) as progress:
            download(name, root, base_url=url, report=progress.report)
    model = "pix2pix" if source.layout == "aligned" else "cycle_gan"
    click.echo(f"Next: python train.py --model {model} --dataroot {root / name}")


class _ProgressBar:
    """A progress bar on a terminal; one line at the end where stderr is no terminal."""

    def __init__(self, name: str) -> None:
        # Imported here, because `pixlate --help` imports every command: rich would make it slower.
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
        self._done = 0
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task(name, total=None)

    def report(self, done: int, total: int | None) -> None:
        """Show how many bytes have been received, and of how many where that is known."""
        self._done = done
        self._bar.update(self._task, completed=done, total=total)
        if total is not None and done == total:
            self._bar.update(self._task, description=f"{self._name}: unpacking")

    def __enter__(self) -> "_ProgressBar":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()
        if self._bar.disable and error[0] is None:
            click.echo(f"{self._name}: {self._done / 1e6:.1f} MB downloaded and unpacked", file=sys.stderr)
