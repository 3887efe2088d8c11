"""An evaluation as an object: which images of which checkpoint are measured by which metrics.

Two numbers can be compared only if their protocols are equal, which their digests tell.
"""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pixlate.errors import OptionError, did_you_mean
from pixlate.util.foreign import foreign, read_small
from pixlate.util.text import quoted


@dataclass(frozen=True)
class Protocol:
    """What is measured.

    - metrics: their names.
    - phase: of the data; "auto" is test, or val where there is no test.
    - epoch: the checkpoint.
    - images: at most so many; None takes all.
    - size: the height and width of the images in pixels; None is that of the run's tests.
    - seed: of dropout and of what metrics draw.
    """

    metrics: tuple[str, ...]
    name: str = ""
    phase: str = "auto"
    epoch: str = "latest"
    images: int | None = None
    size: int | None = None
    seed: int = 0

    @property
    def digest(self) -> str:
        """The first 12 hexadecimal digits of a hash of everything but the name."""
        content = {name: value for name, value in asdict(self).items() if name != "name"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the digest."""
        return {**asdict(self), "digest": self.digest}


PROTOCOLS: Mapping[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(("l1", "psnr", "ssim"), "pairs"),
        Protocol(("pixel_accuracy", "class_accuracy", "miou"), "labels"),
        Protocol(("fd_efflite0", "kd_efflite0", "precision_efflite0", "recall_efflite0"), "sets"),
        Protocol(("fid", "kid", "precision", "recall"), "inception"),
        Protocol(("lab_L", "lab_a", "lab_b"), "colours"),
        Protocol(("change", "structure", "edges_lost", "edges_invented"), "faithfulness"),
    )
}


def protocol_of(name: str) -> Protocol:
    """A built-in protocol, or that of a TOML file. Raises OptionError for any other name and content."""
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    path = Path(name).expanduser()
    if not name.endswith(".toml") and not path.is_file():
        raise OptionError(
            f"no protocol is named '{name}', and there is no such file.{did_you_mean(name, list(PROTOCOLS))}"
        )
    return _read(path)


def _read(path: Path) -> Protocol:
    known = [each.name for each in fields(Protocol)]
    try:
        content = read_small(path)
    except OSError as error:
        raise OptionError(f"the protocol {quoted(path)} cannot be read: {error.strerror or error}.") from None
    with foreign(lambda problem: OptionError(f"the protocol {quoted(path)} cannot be read: {problem}.")):
        values = tomllib.loads(content.decode("utf-8"))
        unknown = sorted(values.keys() - set(known))
        if unknown:
            raise OptionError(f"the protocol {quoted(path)} has '{unknown[0]}': it may have {', '.join(known)}.")
        for key in ("images", "size", "seed"):
            if values.get(key) is not None and (type(values[key]) is not int or values[key] < (key != "seed")):
                raise OptionError(f"the protocol {quoted(path)} has {key} = {values[key]!r}: it is a whole number.")
        metrics = values.get("metrics")
        if not isinstance(metrics, list) or not metrics or not all(isinstance(each, str) for each in metrics):
            raise OptionError(f'the protocol {quoted(path)} must have metrics = ["ssim", …], a list of names.')
        return Protocol(
            tuple(metrics),
            name=str(values.get("name", path.stem)),
            phase=str(values.get("phase", "auto")),
            epoch=str(values.get("epoch", "latest")),
            images=values.get("images"),
            size=values.get("size"),
            seed=values.get("seed", 0),
        )
