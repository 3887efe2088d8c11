"""The facts of a run on its page: those that tell runs apart, and how far this one is."""

from contextlib import suppress
from pathlib import Path

from torch import nn

from pixlate.errors import CheckpointError
from pixlate.options.command.stored import PLACES, read_stored
from pixlate.plugins.run import Progress, Run
from pixlate.util.charts import number

from .history import RunHistory
from .run_charts import VALIDATION

#: Files in the run's folder to which the page has links, where they exist.
FILES = (
    *("loss_log.txt", "losses.jsonl", "metrics.jsonl", "validation.jsonl", "timing.jsonl"),
    *("options.json", "train_opt.txt"),
)
WAITING = 0.2  # the share of time spent waiting for data from which it is said


def lasting_facts(run: Run) -> dict[str, str]:
    """What does not change while the run is in progress: data, networks, sizes, device and precision."""
    options = run.options
    sizes = {name: str(options[name]) for name in ("load_size", "crop_size", "batch_size") if name in options}
    facts = {
        "data": run.data,
        "device": str(run.model.execution),
        "networks": ", ".join(f"{name} {_count(network)}" for name, network in run.model.networks.items()),
        "sizes": ", ".join(f"{name} {value}" for name, value in sizes.items()),
    }
    return {name: fact for name, fact in facts.items() if fact}


def given_options(folder: Path) -> dict[str, str]:
    """The options that the user gave, without those that say where the run is; none where they cannot be read."""
    with suppress(CheckpointError):
        stored = read_stored(folder)
        if stored is not None:
            return {name: _text(stored.options.get(name)) for name in sorted(stored.given - PLACES)}
    return {}


def position_facts(run: Run, progress: Progress, state: str, *, running: bool) -> dict[str, str]:
    """How far the run is, and how fast."""
    timing = run.timing()
    facts = {"state": state, "epoch": f"{min(progress.epoch, run.n_epochs)} of {run.n_epochs}"}
    if running and timing.left:
        facts["time left"] = duration(timing.left)
    facts["images seen"] = f"{progress.images:,}"
    if timing.rate:
        waiting = timing.data / (timing.data + timing.compute) if timing.data > 0 else 0.0
        slow = f", {waiting:.0%} of the time waiting for data" if waiting > WAITING else ""
        facts["speed"] = f"{number(timing.rate)} images/s{slow}"
    return facts


def files_of(folder: Path) -> list[str]:
    """Those of `FILES` that exist."""
    return [name for name in FILES if (folder / name).is_file()]


def duration(seconds: float) -> str:
    """A time that is not known exactly: "about 2 h 10 min"."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return f"about {minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"about {hours} h {minutes} min"
    return f"about {hours // 24} days {hours % 24} h"


def validated(history: RunHistory, best: float | None) -> dict[str, str]:
    """The newest validation, with the values at the checkpoint "best", which is of that epoch."""
    facts = {}
    for name, curve in history.metrics.curves.items():
        if name.startswith(VALIDATION):
            values = dict(curve.points())
            facts[name] = f"{curve.last:.4g}"
            if best is not None and best in values:
                is_last = best == max(values)
                facts[name] += (
                    ", the best" if is_last else f", at the best checkpoint {values[best]:.4g} (epoch {best:g})"
                )
    return facts


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _count(network: nn.Module) -> str:
    parameters = sum(each.numel() for each in network.parameters())
    return f"{parameters / 1e6:.3g} M" if parameters >= 1e5 else f"{parameters:,}"
