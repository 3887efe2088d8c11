"""Where a training begins: at its first image, or where the run of that name was saved."""

import logging
from typing import Any

from pixlate.errors import OptionError
from pixlate.models.base import BaseModel
from pixlate.models.weights import load_networks
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.shared import TrainingOptions
from pixlate.plugins.run import Progress
from pixlate.runs.checkpoints.checkpoints import Checkpoints
from pixlate.runs.checkpoints.compatibility import check_data, harmless_changes, machine_changes, said

from .run import Run
from .session import continues, has_checkpoints, make_room, store

log = logging.getLogger(__name__)


def where_to_begin(
    resolved: ResolvedOptions, run: Run, model: BaseModel[Any], checkpoints: Checkpoints, options: TrainingOptions
) -> Progress:
    """The position to begin at, the model brought to it; the run's options are stored.

    Everything that can be refused is refused before anything is removed or written. Raises PixlateError.
    """
    start = Progress(epoch=options.epoch_count or 1)
    if not continues(resolved) or not has_checkpoints(run.folder):
        if continues(resolved):
            log.info(f"Nothing was saved in '{run.folder}' yet: starting at the first step.")
        make_room(run.folder)
        store(resolved, run.folder)
        return start
    if not checkpoints.exists():
        tag = f"iter_{options.load_iter}" if options.load_iter else options.epoch
        load_networks(model, run.folder, tag)
        log.warning("this folder holds weights without a state: optimizers and schedules start afresh")
        store(resolved, run.folder, start, harmless_changes(resolved))
        return start
    return _continued(resolved, run, checkpoints, options)


def _continued(resolved: ResolvedOptions, run: Run, checkpoints: Checkpoints, options: TrainingOptions) -> Progress:
    if options.epoch_count is not None:
        raise OptionError("--epoch_count contradicts the stored position of the run: leave it out.")
    if options.epoch != "latest" or options.load_iter:
        raise OptionError("a run with a stored state is continued from its latest state: leave --epoch out.")
    state, fallback = checkpoints.read()
    if fallback:
        log.warning(f"{fallback}")
    check_data(state["facts"], checkpoints.facts, run.name)
    machine = machine_changes(state["facts"], checkpoints.facts)
    for change in said(machine):
        log.warning(f"{change} since the run was saved, so its continuation is not bit for bit the same")
    if checkpoints.model.device.type == "cuda" and not resolved.values["deterministic"]:
        log.warning("on a GPU only runs with --deterministic continue bit for bit the same")
    progress = checkpoints.restore(state, fallback=bool(fallback))
    run.cut_logs(state["logs"])
    store(resolved, run.folder, progress, harmless_changes(resolved) | machine)
    log.info(f"Continuing '{run.name}' at epoch {progress.epoch}, {progress.images} images seen.")
    return progress
