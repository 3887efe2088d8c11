"""Where a training begins: at its first picture, or where the run of that name was saved."""

from typing import Any

import click

from pixlate.errors import OptionError
from pixlate.models.base import BaseModel
from pixlate.options.choice import Choice
from pixlate.options.shared import TrainingOptions

from .checkpoints import Checkpoints
from .drift import check_data, harmless_changes, machine_changes, said
from .progress import Progress
from .run import Run
from .session import continues, has_checkpoints, make_room, store, warn
from .weights import load_networks


def where_to_begin(
    choice: Choice, run: Run, model: BaseModel[Any], checkpoints: Checkpoints, options: TrainingOptions
) -> Progress:
    """The position to begin at, the model brought to it; the run's options are stored.

    Everything that can be refused is refused before anything is removed or written. Raises PixlateError.
    """
    start = Progress(epoch=options.epoch_count or 1)
    if not continues(choice) or not has_checkpoints(run.folder):
        if continues(choice):
            click.echo(f"Nothing was saved in '{run.folder}' yet: starting at the first step.")
        make_room(run.folder)
        store(choice, run.folder)
        return start
    if not checkpoints.exists():
        tag = f"iter_{options.load_iter}" if options.load_iter else options.epoch
        load_networks(model, run.folder, tag)
        warn("warning: this folder holds weights without a state: optimizers and schedules start afresh")
        store(choice, run.folder, start, harmless_changes(choice))
        return start
    return _continued(choice, run, checkpoints, options)


def _continued(choice: Choice, run: Run, checkpoints: Checkpoints, options: TrainingOptions) -> Progress:
    if options.epoch_count is not None:
        raise OptionError("--epoch_count contradicts the stored position of the run: leave it out.")
    if options.epoch != "latest" or options.load_iter:
        raise OptionError("a run with a stored state is continued from its latest state: leave --epoch out.")
    state, fallback = checkpoints.read()
    if fallback:
        warn(f"warning: {fallback}")
    check_data(state["facts"], checkpoints.facts, run.name)
    machine = machine_changes(state["facts"], checkpoints.facts)
    for change in said(machine):
        warn(f"warning: {change} since the run was saved, so its continuation is not bit for bit the same")
    if checkpoints.model.device.type == "cuda" and not choice.values["deterministic"]:
        warn("warning: on a GPU only runs with --deterministic continue bit for bit the same")
    at = checkpoints.restore(state, fallback=bool(fallback))
    run.cut_logs(state["logs"])
    store(choice, run.folder, at, harmless_changes(choice) | machine)
    click.echo(f"Continuing '{run.name}' at epoch {at.epoch}, {at.images} pictures seen.")
    return at
