"""Which data and which machine a run is trained with, so that continuing it with others is noticed."""

import hashlib
import os
from typing import Any

import PIL
import torch

from pixlate._version import __version__
from pixlate.data.base import BaseDataset


def data_identity(dataset: BaseDataset[Any]) -> dict[str, Any]:
    """The number of files and a digest of their names, relative to the folder they share, in order."""
    files = [str(path) for path in dataset.files()]
    root = os.path.commonpath(files) if files else ""
    listing = "\n".join(os.path.relpath(path, root) for path in files)
    return {"files": len(files), "digest": hashlib.sha256(os.fsencode(listing)).hexdigest()}


def machine(device: str) -> dict[str, str | int]:
    """What bit-for-bit repetition depends on beside options and seed."""
    chosen = torch.device(device) if device != "auto" else torch.device("cpu")
    chip = torch.backends.cpu.get_cpu_capability()
    if chosen.type == "cuda":
        chip = torch.cuda.get_device_name(chosen)
    return {
        "pixlate": __version__,
        "torch": str(torch.__version__),
        "pillow": PIL.__version__,
        "threads": torch.get_num_threads(),
        "device": device,
        "instructions": chip,
    }
