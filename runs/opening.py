"""Opens a training: locks the run's folder, builds data and model, and starts a new run or resumes a stored one."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from pixlate.data.base import BaseDataset
from pixlate.data.batches import fetch
from pixlate.data.check import check_dataset
from pixlate.data.create import make_dataset
from pixlate.data.demo.demo import FOLDER as DEMO_FOLDER
from pixlate.data.loading import BatchLoader
from pixlate.errors import OptionError
from pixlate.models.base import BaseModel
from pixlate.models.context import ModelContext
from pixlate.models.create import make_model
from pixlate.models.execution.device import choose_device
from pixlate.models.execution.plan import keep_freed_memory
from pixlate.models.networks import describe_networks
from pixlate.models.weights import load_networks
from pixlate.options.command.listing import FILE as LISTING
from pixlate.options.command.listing import write_listing
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.command.stored import write_stored
from pixlate.options.shared import DataOptions, ModelOptions, TrainingOptions
from pixlate.plugins.manager import Plugins
from pixlate.plugins.run import Progress
from pixlate.util.randomness import deterministic_algorithms

from .checkpoints.compatibility import (
    Change,
    allowed_changes,
    check_position,
    check_same_data,
    data_fingerprint,
    describe_changes,
    machine_changes,
    machine_fingerprint,
)
from .checkpoints.store import CheckpointStore, check_free_space, has_state
from .events import Events, make_viewers
from .folder import claimed_folder, has_checkpoints, remove_run_files
from .held_out import HeldOutSamples
from .initial_weights import load_initial_weights
from .logs import RunLogs
from .memory import report
from .run import Run
from .signals import StopRequest
from .training import Trainer

log = logging.getLogger(__name__)


class _StartingPoint(NamedTuple):
    """Where a training starts: its position, and the log sizes of the restored state; None without such a state."""

    progress: Progress
    log_sizes: Mapping[str, int] | None = None


@contextmanager
def open_training(resolved: ResolvedOptions, plugins: Plugins, stop: StopRequest) -> Iterator[Trainer]:
    """The trainer of a run, new or restored; when the block ends, normally or not, `run_finished` is called.

    Everything is checked before files are removed or written. Raises OptionError when a run of that name exists and
    the command says neither to resume nor to overwrite it, and another PixlateError for other mistakes in options,
    data or checkpoints.
    """
    stop.immediate = True  # before the first step there is nothing to save
    with claimed_folder(resolved.folder), deterministic_algorithms(bool(resolved.values["deterministic"])):
        _check_existing(resolved)
        events = Events(plugins, make_viewers(resolved, plugins.registry("viewer")))
        trainer = _build(resolved, events, stop)
        stop.immediate = False
        error: BaseException | None = None
        try:
            yield trainer
        except BaseException as raised:
            error = raised
            raise
        finally:
            try:
                trainer.close()  # a save under way needs the open logs and the folder's lock
            finally:
                events("run_finished", run=trainer.run, error=error)
                trainer.run.logs.close()


def _check_existing(resolved: ResolvedOptions) -> None:
    """Raise OptionError where the command would silently overwrite a run; log the changed options of a resumed one."""
    if not has_checkpoints(resolved.folder):
        return
    if _resumes(resolved):
        for change in describe_changes(allowed_changes(resolved)):
            log.info(f"Changed since the run was started: {change}")
    elif not resolved.values["overwrite"]:
        raise OptionError(
            f"run '{resolved.name}' exists: add --continue_train to resume it, --overwrite (in scripts also "
            "PIXLATE_OVERWRITE=1) to start it again from scratch, or another --name."
        )


def _resumes(resolved: ResolvedOptions) -> bool:
    """Whether the command resumes the run if it has checkpoints."""
    return bool(resolved.values["continue_train"]) or resolved.values["resume"] == "auto"


def _build(resolved: ResolvedOptions, events: Events, stop: StopRequest) -> Trainer:
    """The trainer, with data, model and logs; the model is restored."""
    options = resolved.options(TrainingOptions)
    data_options = resolved.options(DataOptions)
    dataset, model = _data_and_model(resolved)
    held_out = HeldOutSamples(resolved, dataset)
    facts = {"data": data_fingerprint(dataset), "machine": machine_fingerprint(str(model.device))}
    checkpoints = CheckpointStore(resolved.folder, model, facts=facts, keep=options.keep)
    check_free_space(resolved.folder, model)
    first_batch, _ = fetch(dataset, [(1, 0)])
    model.prepare_once(model.directed(first_batch))
    if options.memory:
        log.info(report(model, first_batch, data_options.batch_size))
    start = _start(resolved, checkpoints, options)
    run = _new_run(resolved, model, start, epoch_size=len(dataset), data=dataset.describe())
    position = (run.start.epoch, run.start.epoch_images)
    loader = BatchLoader(dataset, data_options, start=position, epochs=run.n_epochs, device=model.device)
    return Trainer(
        run,
        events,
        stop,
        options=options,
        loader=loader,
        batch_size=data_options.batch_size,
        checkpoints=checkpoints,
        held_out=held_out,
    )


def _new_run(
    resolved: ResolvedOptions, model: BaseModel[Any], start: _StartingPoint, *, epoch_size: int, data: str
) -> Run:
    schedule = resolved.options(ModelOptions)
    return Run(
        resolved.name,
        resolved.folder,
        resolved.values,
        model=model,
        logs=RunLogs(resolved.folder, start.log_sizes),
        start=start.progress,
        n_epochs=schedule.n_epochs + schedule.n_epochs_decay,
        epoch_size=epoch_size,
        data=data,
    )


def _data_and_model(resolved: ResolvedOptions) -> tuple[BaseDataset[Any], BaseModel[Any]]:
    """The data set, checked against the model's networks, and the model with its initial weights."""
    data_options = resolved.options(DataOptions)
    keep_freed_memory()
    device = choose_device(str(resolved.values["device"]), str(resolved.values["gpu_ids"]))
    if data_options.dataroot == "demo" and not DEMO_FOLDER.is_dir():
        log.info(f"Drawing the demo data in {DEMO_FOLDER}.")
    dataset = make_dataset(resolved.components["dataset_mode"], resolved.values)
    log.info(f"Data: {dataset.describe()}.")
    context = ModelContext(device, train=True, components=resolved.components)
    model = make_model(resolved.components["model"], resolved.values, context)
    log.info(describe_networks(model.networks, layers=bool(resolved.values["verbose"])))
    for problem in check_dataset(dataset, data_options, model.networks):
        log.warning(f"{problem} It is replaced by others.")
    return dataset, model


def _start(resolved: ResolvedOptions, checkpoints: CheckpointStore, options: TrainingOptions) -> _StartingPoint:
    """Restore the model where the run is resumed, and write the options to the run's folder. Raises PixlateError."""
    progress = Progress(epoch=options.epoch_count)
    if not (_resumes(resolved) and has_checkpoints(resolved.folder)):
        if resolved.values["continue_train"]:
            log.info(f"Nothing was saved in '{resolved.folder}' yet: starting at the first step.")
        for line in load_initial_weights(checkpoints.model, options.init_from, resolved.folder.parent):
            log.info(line)
        remove_run_files(resolved.folder)
        _store_options(resolved, progress)
        return _StartingPoint(progress)
    if not has_state(resolved.folder):
        tag = f"iter_{options.load_iter}" if options.load_iter else options.epoch
        load_networks(checkpoints.model, resolved.folder, tag)
        checkpoints.model.restart_averages()
        log.warning(f"'{resolved.folder}' holds weights without a training state: optimizers and schedules start anew.")
        _store_options(resolved, progress, allowed_changes(resolved))
        return _StartingPoint(progress)
    return _resume(resolved, checkpoints, options)


def _resume(resolved: ResolvedOptions, checkpoints: CheckpointStore, options: TrainingOptions) -> _StartingPoint:
    """Restore the newest state; warn about differences that keep the resumed run from being exact."""
    state, problem = checkpoints.read()
    if problem:
        log.warning(problem)
    check_position(resolved, Progress(**state["position"]))
    check_same_data(state["facts"], checkpoints.facts, resolved.name)
    machine = machine_changes(state["facts"], checkpoints.facts)
    for change in describe_changes(machine):
        log.warning(f"{change} since the run was saved, so the resumed run is not bit for bit the same.")
    if checkpoints.model.device.type == "cuda" and not resolved.values["deterministic"]:
        log.warning("On a GPU only runs with --deterministic are resumed bit for bit.")
    progress = checkpoints.restore(state, previous=bool(problem))
    _store_options(resolved, progress, allowed_changes(resolved) | machine)
    log.info(f"Resuming '{resolved.name}' at epoch {progress.epoch}, {progress.images} images seen.")
    return _StartingPoint(progress, state["logs"])


def _store_options(
    resolved: ResolvedOptions, progress: Progress, changes: Mapping[str, Change] = MappingProxyType({})
) -> None:
    """Write options.json and train_opt.txt.

    `changes`, those since the run was last started, are appended to the list in options.json, with the number of
    images seen.
    """
    history = list(resolved.stored.changes) if resolved.stored and progress.images else []
    if changes:
        history.append({"images": progress.images, "changed": {name: list(change) for name, change in changes.items()}})
    stored = resolved.to_store(machine_fingerprint(str(resolved.values["device"])))
    write_stored(resolved.folder, replace(stored, changes=history))
    write_listing(resolved.folder / LISTING, resolved)
