"""Folders of runs with the files that tell of a training, and without one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def write_run(
    folder: Path, name: str, options: dict[str, Any], validations: Sequence[dict[str, Any]] = (), epoch: int = 3
) -> Path:
    """A run's folder, with the logs of `epoch` epochs of ten images."""
    run = folder / name
    run.mkdir(parents=True)
    content = {"options": {"model": "pix2pix", "n_epochs": 4, "n_epochs_decay": 2, **options}}
    content["sources"] = dict.fromkeys(options, "command line")
    (run / "options.json").write_text(json.dumps(content))
    positions = [{"epoch": e, "epoch_images": 0, "images": 10 * e, "losses": {}} for e in range(1, epoch + 1)]
    (run / "losses.jsonl").write_text("".join(json.dumps(each) + "\n" for each in positions))
    (run / "validation.jsonl").write_text("".join(json.dumps(each) + "\n" for each in validations))
    return run


def validation(epoch: int, **metrics: float) -> dict[str, Any]:
    """A record of validation.jsonl."""
    return {"epoch": epoch, "images": 10 * epoch, "metrics": metrics}
