"""The part of the training images that `--val_fraction` holds out, where the data has no phase val of its own."""

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pixlate.data.base import BaseDataset
from pixlate.data.create import make_dataset
from pixlate.data.division import take_part
from pixlate.errors import CheckpointError, DataError, OptionError, PixlateError
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.fields import checked
from pixlate.options.shared import DataOptions
from pixlate.options.validation import ValidationOptions
from pixlate.plugins.component import Component
from pixlate.util.foreign import foreign

log = logging.getLogger(__name__)

VAL = "val"
#: The options of the training from which the part follows.
DECISIVE = ("val_fraction", "seed", "phase", "max_dataset_size")


def leave_out(
    dataset: BaseDataset[Any], component: Component, values: Mapping[str, Any], readers: Iterable[Component]
) -> None:
    """Take the held-out part from a training set. Raises OptionError for data that cannot be divided."""
    if not values["val_fraction"]:
        return
    if _has_validation_phase(dataset, component, values, readers):
        log.info(f"--val_fraction has no effect: the data has a phase '{VAL}'.")
        return
    take_part(dataset, "training", fraction=values["val_fraction"], seed=values["seed"])


def held_out_part(
    component: Component,
    values: Mapping[str, Any],
    trained: Mapping[str, Any],
    readers: Iterable[Component],
) -> BaseDataset[Any] | None:
    """The data set of the held-out part, whose phase is "val"; None without `--val_fraction`, and for other data.

    - component: of the data set; values: the options with which it is read.
    - trained: the options of the training, with those of `DECISIVE`.
    """
    if not trained.get("val_fraction"):
        return None
    as_trained = {"phase": trained["phase"], "max_dataset_size": trained["max_dataset_size"]}
    readers = list(readers)
    dataset = make_dataset(component, {**values, **as_trained}, readers)
    if _has_validation_phase(dataset, component, {**values, **as_trained}, readers):
        return None
    fraction, seed, limit = trained["val_fraction"], trained["seed"], values["max_dataset_size"]
    take_part(dataset, "held out", fraction=fraction, seed=seed, limit=limit)
    dataset.shared = replace(dataset.shared, phase=VAL)  # what it is to everything that shows it
    return dataset


def tested_part(resolved: ResolvedOptions, readers: Iterable[Component]) -> BaseDataset[Any] | None:
    """What a test of a run reads as its phase val, where the training held it out; None where it did not.

    Raises CheckpointError for stored options of the wrong kind.
    """
    with suppress(DataError, OptionError):  # other data than that of the training, which cannot be divided
        return held_out_part(resolved.components["dataset_mode"], resolved.values, _trained_with(resolved), readers)
    return None


def _trained_with(resolved: ResolvedOptions) -> dict[str, Any]:
    """The stored options of `DECISIVE`; none of another model or data set, which translates images of its own."""
    stored = resolved.stored.options if resolved.stored else {}
    if any(stored.get(name) != resolved.values[name] for name in ("model", "dataset_mode")):
        return {}
    values = {name: stored[name] for name in DECISIVE if name in stored}
    with foreign(lambda problem: CheckpointError(f"the options of run '{resolved.name}' are damaged: {problem}.")):
        values = checked([ValidationOptions, DataOptions], values, of=f"run '{resolved.name}'")
    return values if len(values) == len(DECISIVE) else {}


def _has_validation_phase(
    training_set: BaseDataset[Any], component: Component, values: Mapping[str, Any], readers: Iterable[Component]
) -> bool:
    """Whether the data has a phase val that shares no file with the training set."""
    if training_set.shared.phase == VAL:
        return False
    try:
        dataset = make_dataset(component, {**values, "phase": VAL, "max_dataset_size": None}, readers)
        return bool(len(dataset)) and set(training_set.files()).isdisjoint(dataset.files())
    except PixlateError:
        return False
