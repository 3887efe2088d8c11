"""Opens a run for training: claims its folder, refuses what would lose work, stores the options, starts the viewers."""

import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pixlate.errors import OptionError
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.command.stored import FILE, write_listing, write_stored
from pixlate.plugins.manager import Plugins
from pixlate.plugins.run import Progress
from pixlate.runs.checkpoints.checkpoints import PREVIOUS, STATE
from pixlate.runs.checkpoints.compatibility import Change, harmless_changes, said
from pixlate.runs.checkpoints.fingerprint import machine
from pixlate.util.files import cannot_write, make_folder

from .determinism import deterministic
from .events import Events, make_viewers
from .lock import FILE as LOCK
from .lock import locked
from .run import Run
from .stale_files import remove_leftovers

log = logging.getLogger(__name__)


@contextmanager
def open_run(resolved: ResolvedOptions, plugins: Plugins) -> Iterator[tuple[Run, Events]]:
    """Claim the run's folder for this process and make its viewers; `run_finished` is told at the end, always.

    Raises OptionError when a run of that name exists and the command does not say what is to become of it.
    """
    folder = make_folder(resolved.folder)
    with locked(folder), _nothing_left_behind(folder), deterministic(bool(resolved.values["deterministic"])):
        remove_leftovers(folder)
        if continues(resolved) and has_checkpoints(folder):
            for line in said(harmless_changes(resolved)):
                log.info(f"Changed since the run was started: {line}")
        elif has_checkpoints(folder) and not resolved.values["overwrite"]:  # refused here, removed when all is built
            raise OptionError(
                f"run '{resolved.name}' exists: give --continue_train (or --resume auto) to go on with it, --overwrite "
                "to start anew over it, or another --name."
            )
        run = Run(resolved.name, folder, resolved.command, resolved.values)
        events = Events(plugins, make_viewers(resolved, plugins.registry("viewer")))
        error: BaseException | None = None
        try:
            yield run, events
        except BaseException as raised:
            error = raised
            raise
        finally:
            events("run_finished", run=run, error=error)
            run.close()


def continues(resolved: ResolvedOptions) -> bool:
    """Whether the command goes on with a run that has saved something, in the reference's format or ours."""
    if resolved.values["continue_train"]:
        return True
    return resolved.values["resume"] == "auto" and has_checkpoints(resolved.folder)


def has_checkpoints(folder: Path) -> bool:
    """Whether a run folder holds a state or network files."""
    return (folder / STATE).exists() or (folder / PREVIOUS).exists() or any(folder.glob("*_net_*.pth"))


def make_room(folder: Path) -> None:
    """Remove what an earlier run of that name left; links are removed, never followed. Raises DataError."""
    try:
        for pattern in ("*_state.pt*", "*_net_*.pth", "*.jsonl", "loss_log.txt", FILE):
            for path in folder.glob(pattern):
                if path.is_symlink() or path.is_file():
                    path.unlink()
        web = folder / "web"
        if web.is_symlink():
            web.unlink()
        elif web.is_dir():
            shutil.rmtree(web)
    except OSError as error:
        raise cannot_write(folder, error) from error


def store(
    resolved: ResolvedOptions,
    folder: Path,
    progress: Progress | None = None,
    changes: Mapping[str, Change] | None = None,
) -> None:
    """Write options.json and train_opt.txt or test_opt.txt.

    `changes` is what differs since the run was last started, noted in options.json with the position `at`.
    """
    if resolved.command == "train":
        stored = resolved.to_store(machine(str(resolved.values["device"])))
        earlier = resolved.stored.changes if resolved.stored and progress and progress.images else ()
        noted = {name: [before, now] for name, (before, now) in (changes or {}).items()}
        made: list[Mapping[str, Any]] = [{"images": progress.images, "changed": noted}] if progress and noted else []
        write_stored(folder, replace(stored, changes=[*earlier, *made]))
    write_listing(folder / f"{resolved.command}_opt.txt", resolved.values, resolved.defaults)


@contextmanager
def _nothing_left_behind(folder: Path) -> Iterator[None]:
    """Remove the folder afterwards where a run failed before it had anything to keep; the lock is still held."""
    try:
        yield
    finally:
        with suppress(OSError):
            if {path.name for path in folder.iterdir()} <= {LOCK}:
                (folder / LOCK).unlink(missing_ok=True)
                folder.rmdir()
