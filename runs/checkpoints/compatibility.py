"""Compares a stored run with the command that resumes it: options, plugins, data, machine."""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import PIL
import torch

from pixlate._version import __version__
from pixlate.data.base import BaseDataset
from pixlate.errors import CheckpointError, OptionError
from pixlate.models.lr_policies import Schedule
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.plugins.run import Progress
from pixlate.util.content import content_digest
from pixlate.util.text import shown

#: The stored value and the current one.
Change = tuple[Any, Any]


def allowed_changes(resolved: ResolvedOptions) -> dict[str, Change]:
    """The differences from the stored run that resuming allows: options, plugins' versions and files, by name.

    Raises OptionError, with every other difference, when the architecture or the data would change.
    """
    stored = resolved.stored
    if stored is None:
        return {}
    options = {
        name: (stored.options[name], _as_stored(value))
        for name, value in resolved.values.items()
        if name in stored.options and resolved.on_change(name) != "ignore" and _as_stored(value) != stored.options[name]
    }
    fixed = {name: change for name, change in options.items() if resolved.on_change(name) == "refuse"}
    if fixed and not stored.is_listing:  # weights alone, which say themselves what they fit
        raise OptionError(
            f"run '{resolved.name}' cannot be resumed with other networks or data "
            f"({'; '.join(describe_changes(fixed))}): omit these options, or start a new run from its "
            f"weights with another --name and --init_from {resolved.name}."
        )
    current = resolved.to_store({})
    components = {}
    for option, component in current.components.items():
        if option in stored.components and option not in options:
            change = (_origin(stored.components[option]), _origin(component))
            if change[0] != change[1]:
                components[f"{option} {component.get('name')}"] = change
    files = {
        f"plugin file {path}": (stored.plugin_files[path], digest)
        for path, digest in current.plugin_files.items()
        if stored.plugin_files.get(path, digest) != digest
    }
    return options | components | files


def describe_changes(changes: Mapping[str, Change]) -> list[str]:
    """One text per change: "lr: 0.0002 -> 0.0001"."""
    return [f"{shown(name)}: {shown(old)} -> {shown(new)}" for name, (old, new) in changes.items()]


def defining_options(resolved: ResolvedOptions) -> dict[str, Any]:
    """The options that make a run this one, its seed and networks among others: those that no resume may change."""
    return {name: _as_stored(v) for name, v in resolved.values.items() if resolved.on_change(name) == "refuse"}


def data_fingerprint(dataset: BaseDataset[Any]) -> dict[str, Any]:
    """The number of files, a digest of their ordered names relative to their common folder, and one of their content.

    Times do not matter, so that a folder that was moved or copied has the same fingerprint.
    """
    files = [str(path) for path in dataset.files()]
    root = os.path.commonpath(files) if files else ""
    listing = "\n".join(os.path.relpath(path, root) for path in files)
    return {
        "files": len(files),
        "digest": hashlib.sha256(os.fsencode(listing)).hexdigest(),
        "content": content_digest(files),
    }


def machine_fingerprint(device: str) -> dict[str, str | int]:
    """What bit-for-bit repetition depends on besides options and seed: versions, threads, device, instruction set.

    - device: as on the command line. For "auto" and "cpu" the instruction set is the CPU's; for "cuda" it is replaced
      by the GPU's name.
    """
    torch_device = torch.device("cpu" if device == "auto" else device)
    instructions = torch.backends.cpu.get_cpu_capability()
    if torch_device.type == "cuda":
        instructions = torch.cuda.get_device_name(torch_device)
    return {
        "pixlate": __version__,
        "torch": str(torch.__version__),
        "pillow": PIL.__version__,
        "threads": torch.get_num_threads(),
        "device": device,
        "instructions": instructions,
    }


def check_same_run(stored: Mapping[str, Any], current: Mapping[str, Any], name: str) -> None:
    """Compare the defining options of two states' facts. Raises CheckpointError where they are of different runs."""
    saved, options = stored.get("options", {}), current["options"]
    changes = {key: (saved[key], options[key]) for key in options if key in saved and saved[key] != options[key]}
    if changes:
        raise CheckpointError(
            f"the state in the folder of run '{name}' is of another run ({'; '.join(describe_changes(changes))}): put "
            "back the state of this run, or start a new run under another --name."
        )


def check_same_data(stored: Mapping[str, Any], current: Mapping[str, Any], name: str) -> None:
    """Compare the data fingerprints of two states' facts. Raises OptionError when they differ."""
    stored_data, data = stored["data"], current["data"]
    if all(stored_data.get(key) == data[key] for key in ("files", "digest")):
        return
    counts = f"{shown(stored_data.get('files'))} files and there are {data.get('files')} now"
    if stored_data.get("files") == data.get("files"):
        counts = f"{data.get('files')} files of other names"
    raise OptionError(
        f"run '{name}' was trained on {counts}: give the same data, or start a new run from its weights with "
        f"another --name and --init_from {name}."
    )


def content_changed(stored: Mapping[str, Any], current: Mapping[str, Any]) -> bool:
    """Whether files of the data were replaced, under the same names, since the state with these facts was saved.

    Allowed, unlike other files: a damaged image may have been repaired.
    """
    earlier = stored["data"].get("content")
    return earlier is not None and earlier != current["data"]["content"]


def check_position(resolved: ResolvedOptions, position: Progress) -> None:
    """Raise OptionError where `--epoch_count`, `--epoch` or `--load_iter` names another position than the state's.

    A run with a state is resumed there alone; that its position may be named keeps the reference's commands valid.
    """
    values, completed = resolved.values, position.epoch - 1 if position.epoch_images == 0 else None
    count = values["epoch_count"] if resolved.is_given("epoch_count") else position.epoch
    epoch = values["epoch"] if values["epoch"] != "latest" else str(completed)
    images = values["load_iter"] or position.images
    for flag, agrees in (
        (f"--epoch_count {count}", count == position.epoch),
        (f"--epoch {epoch}", epoch == str(completed)),
        (f"--load_iter {images}", images == position.images),
    ):
        if not agrees:
            raise OptionError(
                f"{flag} contradicts the stored state of run '{resolved.name}', which is resumed in epoch "
                f"{position.epoch}, at {position.images} images: omit it, or start a new run from the weights of "
                f"another checkpoint with another --name and --init_from."
            )


def machine_changes(stored: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Change]:
    """The differences of the machine fingerprints of two states' facts: with any, resuming is not bit for bit exact."""
    stored_machine, machine = stored["machine"], current["machine"]
    return {key: (stored_machine.get(key), machine[key]) for key in machine if stored_machine.get(key) != machine[key]}


def schedule_difference(resolved: ResolvedOptions, progress: Progress) -> str:
    """A sentence where a run that had had the current schedule from its start would have trained with other rates.

    - progress: the position of the run.

    Empty where the learning rates of the epochs before it are the same.
    """
    same = ("n_epochs", "n_epochs_decay", "lr_decay_iters")
    names = {**dict(zip(same, same, strict=True)), "n_images": "images"}  # of the options, and of the schedule
    stored = {"n_images": 0, **(resolved.stored.options if resolved.stored else {})}
    if not all(type(stored.get(name)) is int for name in names):
        return ""
    shares = [values.get("decay_share") for values in (stored, resolved.values)]
    earlier_share, share = (each if isinstance(each, float) else 0.5 for each in shares)
    before = Schedule(**{field: stored[name] for name, field in names.items()}, decay_share=earlier_share)
    now = Schedule(**{field: int(resolved.values[name]) for name, field in names.items()}, decay_share=share)
    epochs = progress.epoch - 1
    images = (progress.images - progress.epoch_images) // max(1, epochs)  # of an epoch
    policy = resolved.components["lr_policy"].load()
    try:
        earlier, current = policy(before), policy(now)
        positions = [Progress(epoch, images=(epoch - 1) * images) for epoch in range(1, epochs + 1)]
        differing = (at.epoch for at in positions if earlier.factor(at) != current.factor(at))
        first = next(differing, None)
    except Exception:  # a plugin's policy; what it cannot tell does not end a run
        return ""
    if first is None:
        return ""
    return (
        f"The learning rates from epoch {first} to {epochs} were those of a run of {before.total} epochs: the result "
        f"will not be that of a run started with {now.total} epochs."
    )


def _as_stored(value: Any) -> Any:
    """A value as it is read back from options.json, where tuples are lists."""
    return json.loads(json.dumps(value))


def _origin(component: Mapping[str, str]) -> str:
    """The distribution (or plugin) and version that a component comes from: "pixlate-cut 1.0"."""
    return " ".join(
        filter(None, [component.get("distribution") or component.get("plugin", ""), component.get("version", "")])
    )
