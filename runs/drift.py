"""What has changed between a stored run and the command that continues it."""

from collections.abc import Mapping
from typing import Any

from pixlate.errors import OptionError
from pixlate.options.choice import Choice
from pixlate.options.fields import options_of
from pixlate.options.shared import NetworkOptions

#: A change in any of these makes another run of it.
FIXED = {str(made.name) for made in options_of(NetworkOptions)} - {"init_type", "init_gain"} | {
    "model",
    "dataset_mode",
    "phase",
    "preprocess",
    "load_size",
    "crop_size",
    "max_dataset_size",
    "seed",
    "ema",
}
#: Options about where and how, not what.
FREE = {
    "name",
    "suffix",
    "continue_train",
    "resume",
    "overwrite",
    "epoch_count",
    "epoch",
    "load_iter",
    "verbose",
}


def harmless_changes(choice: Choice) -> list[str]:
    """Sentences for the options that differ from the stored run's and may.

    Raises OptionError, with every difference, when the architecture or the data would be another.
    """
    stored = choice.stored.options if choice.stored else {}
    differing = {
        name: f"{name}: {stored[name]} -> {value}"
        for name, value in choice.values.items()
        if name in stored and stored[name] != value and name not in FREE
    }
    fixed = [text for name, text in differing.items() if name in FIXED]
    if fixed:
        raise OptionError(
            f"run '{choice.name}' cannot be continued with other networks or data ({'; '.join(fixed)}): "
            "leave these out, or start a new run under another --name."
        )
    return list(differing.values())


def check_data(stored: Mapping[str, Any], now: Mapping[str, Any], name: str) -> None:
    """Raise OptionError when the pictures are not those that the run was trained on."""
    if stored.get("data") != now.get("data"):
        before, after = stored.get("data", {}), now.get("data", {})
        raise OptionError(
            f"run '{name}' was trained on {before.get('files')} files and there are {after.get('files')} now, or they "
            "have other names: give the same data, or start a new run under another --name."
        )


def machine_changes(stored: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs in versions, threads and device, so that going on is not bit for bit the same."""
    before, after = stored.get("machine", {}), now.get("machine", {})
    return [f"{key}: {before.get(key)} -> {after[key]}" for key in after if before.get(key) != after[key]]
