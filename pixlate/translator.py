"""A trained generator as a function: PIL picture in, PIL picture out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from pixlate.data.images import to_rgb
from pixlate.errors import CheckpointError
from pixlate.models.base import BaseModel
from pixlate.models.create import create_model
from pixlate.models.device import choose_device
from pixlate.models.networks.architecture import infer_generator
from pixlate.options.fields import options_of
from pixlate.options.origins import missing_plugin
from pixlate.options.shared import NetworkOptions
from pixlate.options.stored import read_listing, read_stored
from pixlate.plugins import get_plugins
from pixlate.runs.state import load_data
from pixlate.runs.weights import load_networks, load_weights


class Translator:
    """Translates pictures with a trained model; may be used from several threads at once.

    - model: the model, built for testing, its weights loaded.
    """

    def __init__(self, model: BaseModel[Any]) -> None:
        self.model = model
        nets = [net for name, net in model.nets.items() if name.startswith("G")]
        self._multiple = max(int(getattr(net.module, "size_multiple", 1)) for net in nets)
        self._minimum = max(int(getattr(net.module, "minimum_size", 1)) for net in nets)

    def __call__(self, image: Image.Image, *, name: str = "") -> Image.Image:
        """The translated picture, of the same size; any PIL mode in, RGB (or L, for one channel) out.

        A side that the network cannot take is mirrored outwards to one that it can, and the result cut back.
        `name` seeds the dropout of models that keep it on, as test.py does with the file's name.
        """
        grey = self.model.shared.input_nc == 1
        pixels = np.asarray(to_rgb(image).convert("L" if grey else "RGB"), dtype=np.float32)
        x = torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1).copy())
        y = self.tensor(x[None] / 255 * 2 - 1, names=[name])[0]
        shown = ((y.float().cpu().clamp(-1, 1) + 1) / 2 * 255).to(torch.uint8).permute(1, 2, 0).numpy()
        return Image.fromarray(shown[..., 0] if shown.shape[2] == 1 else shown)

    def tensor(self, x: Tensor, *, names: list[str] | None = None) -> Tensor:
        """The translation of N×C×H×W in [-1, 1], of the same height and width."""
        height, width = x.shape[-2:]
        padded = _mirrored(x, self._fitting(height), self._fitting(width))
        batch = {"A": padded, "A_paths": names or [""] * len(x)}
        return self.model.fake(batch)[..., :height, :width]

    def _fitting(self, side: int) -> int:
        return -(-max(side, self._minimum) // self._multiple) * self._multiple


def load(run: str | Path, *, epoch: str | int = "latest", device: str = "auto") -> Translator:
    """Load a trained model as a Translator.

    - run: a run folder of pixlate or of the reference, the name of one in ./checkpoints, or one `*_net_G*.pth`.
    - epoch: the checkpoint's tag: "latest", an epoch's number, "iter_5000".
    - device: auto, cpu, cuda, cuda:N or mps.

    A folder of the reference tells its options by its train_opt.txt; a bare file by its tensors' names and shapes,
    and its dropout, which they cannot tell for U-Nets, stays off. Computes in float32.
    Raises CheckpointError when it is missing, damaged, or of an unknown architecture.
    """
    path = Path(run)
    if not path.exists() and (Path("checkpoints") / path).is_dir():
        path = Path("checkpoints") / path
    if path.is_file():
        return Translator(_from_file(path, device))
    if not path.is_dir():
        raise CheckpointError(f"there is no run folder or checkpoint '{run}'.")
    return Translator(_from_folder(path, str(epoch), device))


def _from_folder(folder: Path, tag: str, device: str) -> BaseModel[Any]:
    stored = read_stored(folder)
    options = stored.options if stored else read_listing(folder / "train_opt.txt")
    if not options or str(options.get("model")) not in get_plugins().registry("model"):
        generators = sorted(folder.glob(f"{tag}_net_G*.pth"))
        if stored or not generators:
            name = options.get("model", "any model") if options else "any model"
            origin = stored.components.get("model") if stored else None
            missing = missing_plugin(get_plugins(), "model", origin, stored.plugin_files) if stored and origin else None
            raise CheckpointError(
                str(missing) if missing else f"'{folder}' holds no checkpoint '{tag}' of {name} that is installed."
            )
        return _from_file(generators[0], device)
    model = _for_testing(str(options["model"]), options, device)
    load_networks(model, folder, tag, use_ema=True)
    return model


def _from_file(path: Path, device: str) -> BaseModel[Any]:
    found = infer_generator(load_data(path))
    options = {
        "netG": found.netG,
        "norm": found.norm,
        "dropout": bool(found.dropout),
        "ngf": found.ngf,
        "input_nc": found.input_nc,
        "output_nc": found.output_nc,
    }
    model = _for_testing("test", options, device)
    load_weights(model.networks["G"], path)
    return model


def _for_testing(name: str, options: Mapping[str, Any], device: str) -> BaseModel[Any]:
    component = get_plugins().registry("model").get(name)
    known = {str(made.name) for made in options_of(NetworkOptions)} | {"seed"}
    if component.config:
        known |= {str(made.name) for made in options_of(component.config)}
    kept = {option: value for option, value in options.items() if option in known}
    return create_model(name, train=False, device=choose_device(device), **kept)


def _mirrored(x: Tensor, height: int, width: int) -> Tensor:
    """x mirrored outwards at its right and lower edge, as often as it takes."""
    while x.shape[-2:] != (height, width):
        down = min(height - x.shape[-2], x.shape[-2] - 1)
        right = min(width - x.shape[-1], x.shape[-1] - 1)
        mode = "reflect" if down or right else "replicate"
        step = (0, right, 0, down) if down or right else (0, width - x.shape[-1], 0, height - x.shape[-2])
        x = pad(x, step, mode=mode)
    return x
