"""Opens a training: locks the run's folder, builds data and model, and starts a new run or resumes a stored one."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pixlate.data.base import BaseDataset
from pixlate.data.batches import fetch
from pixlate.data.check import check_dataset
from pixlate.data.create import channel_options, make_dataset
from pixlate.data.demo.demo import FOLDER as DEMO_FOLDER
from pixlate.data.loading import BatchLoader
from pixlate.data.value_range import read_ranges, stored_ranges
from pixlate.errors import StoppedEarly
from pixlate.models.base import BaseModel
from pixlate.models.context import ModelContext
from pixlate.models.create import make_model
from pixlate.models.execution.device import choose_device
from pixlate.models.execution.plan import keep_freed_memory
from pixlate.models.networks import describe_networks
from pixlate.options.command.requirements import require_epochs
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.shared import DataOptions, ModelOptions, TrainingOptions
from pixlate.plugins.field import directed
from pixlate.plugins.manager import Plugins
from pixlate.plugins.run import Progress
from pixlate.util.owned import OwnFiles
from pixlate.util.randomness import deterministic_algorithms

from .budget import Budget, last_epoch, with_length
from .checkpoints.compatibility import data_fingerprint, defining_options, machine_fingerprint
from .checkpoints.store import CheckpointStore, check_free_space
from .events import Events, make_viewers
from .folder import claimed_folder
from .health_monitor import HealthMonitor
from .held_out import HeldOutSamples
from .held_out_part import leave_out
from .logs import RunLogs
from .memory import report
from .run import Run
from .signals import StopRequest
from .starting import files_of, start_or_resume
from .training import Trainer
from .validation import Validation

log = logging.getLogger(__name__)


@contextmanager
def open_training(resolved: ResolvedOptions, plugins: Plugins, stop: StopRequest) -> Iterator[Trainer]:
    """The trainer of a run, new or restored; when the block ends, normally or not, `run_finished` is called.

    Everything is checked before files are removed or written. Raises OptionError when a run of that name exists and
    the command says neither to resume nor to overwrite it, and another PixlateError for other mistakes in options,
    data or checkpoints.
    """
    require_epochs(resolved)
    stop.immediate = True  # before the first step there is nothing to save
    with claimed_folder(resolved.folder), deterministic_algorithms(bool(resolved.values["deterministic"])):
        files = files_of(resolved)
        events = Events(plugins, make_viewers(resolved, plugins.registry("viewer")))
        trainer = _build(resolved, plugins, files, events, stop)
        stop.immediate = False
        error: BaseException | None = None
        try:
            yield trainer
        except StoppedEarly as stopped:
            log.info(f"{stopped} The same command with --continue_train trains on.")
        except BaseException as raised:
            error = raised
            raise
        finally:
            try:
                trainer.close()  # a save under way needs the open logs and the folder's lock
            finally:
                events("run_finished", run=trainer.run, error=error)
                trainer.run.logs.close()


def _build(resolved: ResolvedOptions, plugins: Plugins, files: OwnFiles, events: Events, stop: StopRequest) -> Trainer:
    """The trainer, with data, model and logs; the model is restored."""
    options = resolved.options(TrainingOptions)
    data_options = resolved.options(DataOptions)
    dataset = _dataset(resolved, plugins)
    resolved = with_length(resolved.with_values(channel_options(dataset)), len(dataset))
    model = _model(resolved, dataset)
    readers = list(plugins.registry("reader"))
    held_out = HeldOutSamples(resolved, dataset, readers)
    validation = Validation(resolved, plugins, dataset, model, readers)
    facts = {
        "data": data_fingerprint(dataset),
        "machine": machine_fingerprint(str(model.device)),
        "options": defining_options(resolved),
        "value_ranges": stored_ranges(dataset.value_ranges),
        "fields": {name: field.to_json() for name, field in dataset.fields.items()},
    }
    checkpoints = CheckpointStore(resolved.folder, model, facts=facts, keep=options.keep, files=files)
    check_free_space(resolved.folder, model)
    first_batch, _ = fetch(dataset, [(1, 0)])
    model.prepare_once(model.directed(first_batch))
    if options.memory:
        log.info(report(model, first_batch, data_options.batch_size))
    start = start_or_resume(resolved, checkpoints, options)
    logs = RunLogs(resolved.folder, start.log_sizes, files=files)
    run = _new_run(resolved, model, logs, start.progress, events, epoch_size=len(dataset), data=dataset.describe())
    run.clock.validation_seconds = validation.seconds(model)
    budget = Budget(resolved, run, validation.count)
    budget.start(model.learning_rate)
    position = (run.start.epoch, run.start.epoch_images)
    epochs = None if budget.is_open else run.n_epochs
    loader = BatchLoader(dataset, data_options, start=position, epochs=epochs, device=model.device)
    return Trainer(
        run,
        events,
        stop,
        options=options,
        loader=loader,
        batch_size=data_options.batch_size,
        checkpoints=checkpoints,
        held_out=held_out,
        validation=validation,
        budget=budget,
        health=HealthMonitor(run, events, paired=dataset.paired) if resolved.values["health"] else None,
    )


def _new_run(
    resolved: ResolvedOptions,
    model: BaseModel[Any],
    logs: RunLogs,
    start: Progress,
    events: Events,
    *,
    epoch_size: int,
    data: str,
) -> Run:
    schedule = resolved.options(ModelOptions)
    n_images = schedule.n_images
    n_epochs = last_epoch(start, n_images, epoch_size) if n_images else schedule.n_epochs + schedule.n_epochs_decay
    return Run(
        resolved.name,
        resolved.folder,
        resolved.values,
        model=model,
        logs=logs,
        start=start,
        n_epochs=n_epochs,
        epoch_size=epoch_size,
        n_images=n_images,
        data=data,
        events=events,
    )


def _dataset(resolved: ResolvedOptions, plugins: Plugins) -> BaseDataset[Any]:
    """The images that are trained on, with the value ranges of a stored run."""
    data_options = resolved.options(DataOptions)
    if data_options.dataroot == "demo" and not DEMO_FOLDER.is_dir():
        log.info(f"Drawing the demo data in {DEMO_FOLDER}.")
    component, readers = resolved.components["dataset_mode"], plugins.registry("reader")
    dataset = make_dataset(component, resolved.values, readers)
    leave_out(dataset, component, resolved.values, readers)
    log.info(f"Data: {dataset.describe()}.")
    if resolved.stored:
        dataset.use_value_ranges(read_ranges(resolved.stored.value_ranges))
    return dataset


def _model(resolved: ResolvedOptions, dataset: BaseDataset[Any]) -> BaseModel[Any]:
    """The model with its initial weights; the data set is checked against its networks."""
    data_options = resolved.options(DataOptions)
    keep_freed_memory()
    device = choose_device(str(resolved.values["device"]), str(resolved.values["gpu_ids"]))
    fields = directed(dataset.fields, data_options.direction)
    context = ModelContext(device, train=True, components=resolved.components, fields=fields)
    model = make_model(resolved.components["model"], resolved.values, context)
    log.info(f"Training on {model.execution}.")
    log.info(describe_networks(model.networks, layers=bool(resolved.values["verbose"])))
    for problem in check_dataset(dataset, data_options, model.networks):
        log.warning(f"{problem} It is replaced by others.")
    return model
