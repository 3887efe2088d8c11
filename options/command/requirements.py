"""Checks of a command's options that need neither torch nor the data, made before either is loaded."""

from pixlate.errors import OptionError, did_you_mean
from pixlate.options.output_template import require_label
from pixlate.options.shared import InferenceOptions, ModelOptions, TrainingOptions
from pixlate.util.text import listed, quoted

from .resolved import ResolvedOptions

MAX_NAMED = 8  # runs named in a message


def require_run(resolved: ResolvedOptions) -> None:
    """Raise OptionError where there is no run of the command's name, with the nearest name or those that there are."""
    name, runs = resolved.name, resolved.folder.parent
    if not name:
        raise OptionError(f"there is no run in {quoted(resolved.folder)}: train one first, or give --name.")
    if resolved.folder.is_dir():
        return
    known = sorted(path.name for path in runs.iterdir() if any(path.glob("*_net_*.pth"))) if runs.is_dir() else []
    hint = did_you_mean(name, known)
    if hint.startswith(" There are:"):
        hint = f" There are: {listed(known, MAX_NAMED)}."
    raise OptionError(f"there is no run {quoted(name)} in {quoted(runs)}.{hint}")


def require_output_names(resolved: ResolvedOptions) -> None:
    """Raise OptionError where several images of an input of a test would have one name."""
    options = resolved.options(InferenceOptions)
    require_label(options.output_template, options.visuals)


def require_epochs(resolved: ResolvedOptions) -> None:
    """Raise OptionError where the options leave no epoch to train."""
    schedule, first = resolved.options(ModelOptions), resolved.options(TrainingOptions).epoch_count
    last = schedule.n_epochs + schedule.n_epochs_decay
    if last == 0:
        raise OptionError("there is nothing to train: --n_epochs and --n_epochs_decay are both 0.")
    if first > 1 and (schedule.n_images or resolved.options(TrainingOptions).minutes):
        raise OptionError(
            f"--epoch_count {first} is for weights whose number of images is not known: give numbers of epochs instead "
            "of --n_images or --minutes."
        )
    if first > last:
        raise OptionError(
            f"there is nothing to train: --epoch_count {first} is beyond the last epoch, {last}, which is --n_epochs "
            "plus --n_epochs_decay."
        )
