"""Opens a run for training: claims its folder, refuses what would lose work, stores the options, starts the viewers."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import torch

import pixlate
from pixlate.errors import OptionError
from pixlate.options.choice import Choice
from pixlate.options.stored import FILE, write_listing, write_stored
from pixlate.plugins import get_plugins
from pixlate.util.files import make_folder

from .checkpoints import PREVIOUS, STATE
from .drift import harmless_changes
from .events import Events
from .lock import locked
from .run import Run


def warn(line: str) -> None:
    """Say a line on stderr."""
    click.echo(line, err=True)


@contextmanager
def open_run(choice: Choice) -> Iterator[tuple[Run, Events]]:
    """Claim the run's folder for this process and make its viewers; `run_finished` is told at the end, always.

    Raises OptionError when a run of that name exists and the command does not say what is to become of it.
    """
    folder = make_folder(choice.folder)
    with _nothing_left_behind(folder), locked(folder):
        if continues(choice):
            for line in harmless_changes(choice):
                click.echo(f"Changed since the run was started: {line}")
        else:
            _make_room(choice, folder)
        plugins = get_plugins()
        run = Run(choice.name, folder, choice.command, choice.values)
        viewers = [
            (made, made.load()(choice.config_for(made)) if made.config else made.load()())
            for made in plugins.registry("viewer")
        ]
        events = Events(plugins, viewers, warn)
        error: BaseException | None = None
        try:
            yield run, events
        except BaseException as raised:
            error = raised
            raise
        finally:
            events("run_finished", run=run, error=error)
            run.close()


def continues(choice: Choice) -> bool:
    """Whether the command goes on with a run that has saved something, in the reference's format or ours."""
    if choice.values["continue_train"]:
        return True
    return choice.values["resume"] == "auto" and has_checkpoints(choice.folder)


def has_checkpoints(folder: Path) -> bool:
    """Whether a run folder holds a state or network files."""
    return (folder / STATE).exists() or (folder / PREVIOUS).exists() or any(folder.glob("*_net_*.pth"))


def store(choice: Choice, folder: Path) -> None:
    """Write options.json and train_opt.txt or test_opt.txt."""
    if choice.command == "train":
        write_stored(folder, choice.to_store(machine(str(choice.values["device"]))))
    write_listing(folder / f"{choice.command}_opt.txt", choice.values, choice.defaults)


def machine(device: str) -> dict[str, str | int]:
    """What bit-for-bit repetition depends on beside options and seed."""
    return {
        "pixlate": pixlate.__version__,
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "device": device,
    }


@contextmanager
def _nothing_left_behind(folder: Path) -> Iterator[None]:
    """Remove the folder afterwards where a run failed before it had anything to keep."""
    try:
        yield
    finally:
        if {path.name for path in folder.iterdir()} <= {".lock"}:
            (folder / ".lock").unlink(missing_ok=True)
            folder.rmdir()


def _make_room(choice: Choice, folder: Path) -> None:
    """Start anew: refuse over saved work unless told, then remove what an earlier run of that name left."""
    if has_checkpoints(folder) and not choice.values["overwrite"]:
        raise OptionError(
            f"run '{choice.name}' exists: give --continue_train to go on with it, --overwrite to start anew over it, "
            "or another --name."
        )
    for pattern in ("*_net_*.pth", "*_state.pt*", ".part-*", "*.jsonl", "loss_log.txt", FILE):
        for path in folder.glob(pattern):
            path.unlink()
    if (folder / "web").is_dir() and not (folder / "web").is_symlink():
        shutil.rmtree(folder / "web")
