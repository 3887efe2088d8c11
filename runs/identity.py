"""Which data a run is trained on, so that continuing it on other data is noticed."""

import hashlib
import os
from typing import Any

from pixlate.data.base import BaseDataset


def data_identity(dataset: BaseDataset[Any]) -> dict[str, Any]:
    """The number of files and a digest of their names, relative to the folder they share, in order."""
    files = [str(path) for path in dataset.files()]
    root = os.path.commonpath(files) if files else ""
    listing = "\n".join(os.path.relpath(path, root) for path in files)
    return {"files": len(files), "digest": hashlib.sha256(os.fsencode(listing)).hexdigest()}
