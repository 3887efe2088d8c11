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
    """Fetch a public data set into ./datasets/NAME; without NAME, list them."""
    from pixlate.data.download.fetching import DATASETS, download, remote

    if name is None:
        for known, source in DATASETS.items():
            click.echo(f"{known:24}{source.layout:11}{source.about}")
        return
    source = remote(name)
    if (root / name).exists():
        click.echo(f"{root / name} is there already.")
    else:
        with _Progress(name) as progress:
            download(name, root, base_url=url, report=progress.report)
    model = "pix2pix" if source.layout == "aligned" else "cycle_gan"
    click.echo(f"Next: python train.py --model {model} --dataroot {root / name}")


class _Progress:
    """A bar on a terminal; a line at the end anywhere else."""

    def __init__(self, name: str) -> None:
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
        """Show how far it is."""
        self._done = done
        self._bar.update(self._task, completed=done, total=total)
        if total is not None and done == total:
            self._bar.update(self._task, description=f"{self._name}: unpacking")

    def __enter__(self) -> "_Progress":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()
        if self._bar.disable and error[0] is None:
            click.echo(f"{self._name}: {self._done / 1e6:.1f} MB fetched and unpacked", file=sys.stderr)
