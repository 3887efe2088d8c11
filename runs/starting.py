"""Where a training starts: at the first step of a new run, or where a stored run stopped."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from pixlate.errors import NothingToDo, OptionError
from pixlate.models.weights import saved_networks
from pixlate.options.command.listing import FILE as LISTING
from pixlate.options.command.listing import write_listing
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.command.stored import FILE as OPTIONS
from pixlate.options.command.stored import write_stored
from pixlate.options.shared import ModelOptions, TrainingOptions
from pixlate.plugins.run import Progress
from pixlate.util.owned import OwnFiles
from pixlate.util.text import counted

from .checkpoints.compatibility import (
    Change,
    allowed_changes,
    check_position,
    check_same_data,
    check_same_run,
    content_changed,
    describe_changes,
    machine_changes,
    machine_fingerprint,
    schedule_difference,
)
from .checkpoints.store import CheckpointStore, has_state
from .folder import has_checkpoints, require_own_files
from .initial_weights import load_initial_weights

log = logging.getLogger(__name__)


class StartingPoint(NamedTuple):
    """Where a training starts: its position, and the log sizes of the restored state; None without such a state."""

    progress: Progress
    log_sizes: Mapping[str, int] | None = None


def files_of(resolved: ResolvedOptions) -> OwnFiles:
    """The record of the run's files.

    Raises OptionError where the command would silently overwrite a run, resume it with other networks or data, or
    replace files that pixlate did not write.
    """
    exists = has_checkpoints(resolved.folder)
    if exists and _resumes(resolved):
        allowed_changes(resolved)
        return OwnFiles(resolved.folder, adopt=True)
    if exists and not resolved.values["overwrite"]:
        raise OptionError(
            f"run '{resolved.name}' exists: add --continue_train to resume it, --overwrite (in scripts also "
            "PIXLATE_OVERWRITE=1) to start it again from scratch, or another --name."
        )
    files = OwnFiles(resolved.folder)
    require_own_files(files, resolved.name)
    return files


def _resumes(resolved: ResolvedOptions) -> bool:
    """Whether the command resumes the run if it has checkpoints."""
    return bool(resolved.values["continue_train"]) or resolved.values["resume"] == "auto"


def start_or_resume(resolved: ResolvedOptions, checkpoints: CheckpointStore, options: TrainingOptions) -> StartingPoint:
    """Restore the model where the run is resumed, and write the options to the run's folder. Raises PixlateError."""
    progress = Progress(epoch=options.epoch_count)
    if not (_resumes(resolved) and has_checkpoints(resolved.folder)):
        if resolved.values["continue_train"]:
            log.info(f"Nothing was saved in '{resolved.folder}' yet: starting at the first step.")
        for line in load_initial_weights(checkpoints.model, options.init_from, resolved.folder.parent):
            log.info(line)
        checkpoints.files.remove()
        _store_options(resolved, checkpoints, progress)
        return StartingPoint(progress)
    if not has_state(resolved.folder):
        tag = f"iter_{options.load_iter}" if options.load_iter else options.epoch
        saved_networks(resolved.folder, tag).load(checkpoints.model)
        checkpoints.model.restart_averages()
        log.warning(f"'{resolved.folder}' holds weights without a training state: optimizers and schedules start anew.")
        _store_options(resolved, checkpoints, progress, allowed_changes(resolved))
        return StartingPoint(progress)
    return _resume(resolved, checkpoints, options)


def _resume(resolved: ResolvedOptions, checkpoints: CheckpointStore, options: TrainingOptions) -> StartingPoint:
    """Restore the newest state; warn about differences that keep the resumed run from being exact."""
    tagged = checkpoints.read_tagged(options.epoch) if options.epoch != "latest" else None
    state, problem = (tagged, "") if tagged else checkpoints.read()
    if problem:
        log.warning(problem)
    check_same_run(state["facts"], checkpoints.facts, resolved.name)
    if not tagged:
        check_position(resolved, Progress(**state["position"]))
    check_same_data(state["facts"], checkpoints.facts, resolved.name)
    if tagged:
        checkpoints.go_back(options.epoch)
    progress = checkpoints.restore(state, previous=bool(problem))
    _require_epochs_left(resolved, progress)
    if content_changed(state["facts"], checkpoints.facts):
        log.warning("Files of the data were replaced since the run was saved, so it goes on with other images.")
    machine = machine_changes(state["facts"], checkpoints.facts)
    if machine:
        changes = ", ".join(describe_changes(machine))
        log.warning(f"{changes} since the run was saved, so the resumed run is not bit for bit the same.")
    if checkpoints.model.device.type == "cuda" and not resolved.values["deterministic"]:
        log.warning("On a GPU only runs with --deterministic are resumed bit for bit.")
    if difference := schedule_difference(resolved, progress):
        log.warning(difference)
    _store_options(resolved, checkpoints, progress, allowed_changes(resolved), machine)
    log.info(f"Resuming '{resolved.name}' at epoch {progress.epoch}, {progress.images} images seen.")
    return StartingPoint(progress, state["logs"])


def _require_epochs_left(resolved: ResolvedOptions, progress: Progress) -> None:
    """Raise NothingToDo for a run whose epochs are all trained: success for `--resume auto`, which is repeated."""
    schedule = resolved.options(ModelOptions)
    n_epochs = schedule.n_epochs + schedule.n_epochs_decay
    if schedule.n_images and progress.images >= schedule.n_images:
        raise NothingToDo(
            f"run '{resolved.name}' is finished: its {schedule.n_images:,} images are trained, and nothing was "
            "changed. To train it further, raise --n_images.",
            repeatable=not resolved.values["continue_train"],
        )
    if progress.epoch > n_epochs and not schedule.n_images:
        trained = counted(progress.epoch - 1, "epoch")
        raise NothingToDo(
            f"run '{resolved.name}' is finished: {trained} of {n_epochs} {'is' if trained == '1 epoch' else 'are'} "
            "trained, and nothing was changed. To train it further, raise "
            f"--n_epochs (now {schedule.n_epochs}) or --n_epochs_decay (now {schedule.n_epochs_decay}).",
            repeatable=not resolved.values["continue_train"],
        )


def _store_options(
    resolved: ResolvedOptions,
    checkpoints: CheckpointStore,
    progress: Progress,
    changes: Mapping[str, Change] = MappingProxyType({}),
    machine: Mapping[str, Change] = MappingProxyType({}),
) -> None:
    """Write options.json and train_opt.txt, and log the changed options.

    `changes`, those since the run was last started, and `machine`, those of the machine, are appended to the list in
    options.json, with the number of images seen.
    """
    for change in describe_changes(changes):
        log.info(f"Changed since the run was started: {change}")
    history = list(resolved.stored.changes) if resolved.stored and progress.images else []
    if changes or machine:
        changed = {name: list(change) for name, change in {**changes, **machine}.items()}
        history.append({"images": progress.images, "changed": changed})
    stored = resolved.to_store(machine_fingerprint(str(resolved.values["device"])))
    checkpoints.files.claim(OPTIONS, LISTING)
    ranges, fields = checkpoints.facts["value_ranges"], checkpoints.facts["fields"]
    write_stored(resolved.folder, replace(stored, changes=history, value_ranges=ranges, fields=fields))
    write_listing(resolved.folder / LISTING, resolved)
