"""The teacher of `pixlate distill`, and what its student inherits from it."""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pixlate.data.batches import fetch
from pixlate.errors import OptionError
from pixlate.inference.loading import load_translator
from pixlate.inference.translator import Translator
from pixlate.models.cost import cost_of, macs_of_generator
from pixlate.models.weights import saved_networks
from pixlate.options.command.requirements import require_run
from pixlate.options.command.resolve import resolve
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.plugins.manager import Plugins
from pixlate.runs.checkpoints.compatibility import data_fingerprint
from pixlate.runs.distillation.comparing import Contestant
from pixlate.runs.distillation.data import TeacherData
from pixlate.runs.distillation.pairs import declared
from pixlate.runs.folder import has_checkpoints
from pixlate.util.text import listed, quoted

#: The share of the teacher's channels that a student has where `--ngf` is not given: about 16 times fewer operations.
NARROWER = 4
#: Options that the teacher's training inputs depend on, beside the files.
READING = ("preprocess", "load_size", "crop_size", "flip", "augment", "seed", "field", "ignore_metadata")
#: Options that say under which terms a model may be used, which hold for what is made of it.
LICENSING = ("license", "data_origin")


class Teacher:
    """A trained run that a student learns from, with its dropout off.

    - run: its folder, or its name in ./checkpoints; tag: of its checkpoint.
    - direction: "AtoB" or "BtoA", in which it translates; empty for that of its training.
    - dataroot: where its data is now; empty for where it was.
    - views: how often each training input is translated, differently cropped and flipped; None for the usual number.

    Raises OptionError where there is no such run, DataError where its data is gone, and what loading a model raises.
    """

    def __init__(
        self,
        plugins: Plugins,
        run: str,
        *,
        tag: str,
        direction: str,
        dataroot: str,
        device: str,
        views: int | None,
        files: tuple[str, ...],
    ) -> None:
        self.folder, self.tag = _folder(run), tag
        self.resolved = _training_options(plugins, self.folder, dataroot, files)
        own = str(self.resolved.values["direction"])
        self.direction = direction or own
        self.data = TeacherData(self.resolved, self.direction, plugins.registry("reader"))
        self.views = views or self.data.usual_views
        turned = self.direction if self.direction != own else ""
        self.translator = load_translator(plugins, self.folder, epoch=tag, device=device, direction=turned)
        x, names, others = self._first
        self.translator.engine.prepare({**others, "A": x, "A_paths": names})  # networks that depend on data are built
        self.has_dropout = _without_dropout(self.translator.model.networks.values())

    def check_fields(self) -> str:
        """The fields beside its input that its outputs depend on, as text; empty for none.

        Raises OptionError where one of them is no image: of a class, say, whose outputs differ as those of two models.
        """
        images = [name for name in self.data.further_fields if self.data.fields[name].is_spatial]
        others = [name for name in self.data.further_fields if name not in images]
        if others and not self._ignores(others):
            raise OptionError(
                f"the outputs of run '{self.name}' depend on '{listed(others)}' beside its input, and a student gets "
                "an input alone: it cannot be distilled."
            )
        return "" if not images or self._ignores(images) else listed(images)

    def _ignores(self, fields: Iterable[str]) -> bool:
        """Whether its first output is the same without some fields."""
        x, names, others = self._first
        fewer = {name: value for name, value in others.items() if name not in fields}
        try:
            return torch.equal(self.translate(x, names, fewer), self.translate(x, names, others))
        except Exception:  # it cannot be computed without them
            return False

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.folder.name

    @property
    def identity(self) -> str:
        """Which weights these are, whatever the run's folder is called: "AtoB:1b4f…"."""
        return f"{self.direction}:{self.translator.engine.digest}"

    def translate(self, x: Tensor, names: list[str], others: Mapping[str, Any]) -> Tensor:
        """The outputs for N×C×H×W inputs, with the names of their files and further fields."""
        return self.translator.tensor(x, names=names, **others)

    def facts(self) -> dict[str, Any]:
        """What the pairs depend on."""
        values = {name: self.resolved.values[name] for name in READING}
        data = data_fingerprint(self.data.training)
        return {"teacher": self.identity, "views": self.views, "data": data, **values}

    def contestant(self) -> Contestant:
        """The teacher as it is compared."""
        return contestant(self.translator, self.folder, self.tag)

    def options_of_student(self) -> Iterator[str]:
        """The words of a training of its student.

        It sees its pairs as the teacher saw them, neither cropped nor flipped: the outputs of a network with strides
        depend on where in the image something is. A test of it reads images as one of the teacher does.
        """
        values, fields = self.resolved.values, self.data.fields
        yield from ("--model", "distillation", "--direction", self.direction)
        yield from ("--netG", values["netG"], "--ngf", str(max(1, values["ngf"] // NARROWER)), "--norm", values["norm"])
        mode, crop_size = str(values["preprocess"]), str(values["crop_size"])
        size = crop_size if "crop" in mode else str(values["load_size"])
        yield from ("--preprocess", mode, "--load_size", size, "--crop_size", crop_size, "--no_flip")
        yield from ("--ignore_metadata",) if values["ignore_metadata"] else ()
        for name in LICENSING:
            if values.get(name):
                yield from (f"--{name}", str(values[name]))
        for text in declared(fields):
            yield from ("--field", text)
        for option, side in (("input_nc", self.data.input_side), ("output_nc", self.data.output_side)):
            if side in fields and fields[side].kind == "image":
                yield from (f"--{option}", str(fields[side].channels))

    def is_smaller_than(self, student: ResolvedOptions) -> bool:
        """Whether the student would compute as much as the teacher, or more."""
        x, names, others = self._first
        own = cost_of(lambda: self.translate(x, names, others), self.translator.model.networks).macs
        output = self.translate(x, names, others)
        network = student.components["netG"].load()(
            input_nc=x.shape[1],
            output_nc=output.shape[1],
            ngf=student.values["ngf"],
            norm=student.components["norm"].load(),
            use_dropout=False,
        )
        return macs_of_generator(network, x.shape[1], *output.shape[-2:]) >= own

    @cached_property
    def _first(self) -> tuple[Tensor, list[str], dict[str, Any]]:
        batch, _ = fetch(self.data.training, [(1, 0)])
        others = {name: value for name, value in batch.items() if name.removesuffix("_paths") not in ("A", "B")}
        side = self.data.input_side
        return batch[side], [str(path) for path in batch[f"{side}_paths"]], others


def contestant(translator: Translator, folder: Path, tag: str) -> Contestant:
    """A run's translator as it is compared."""
    model = translator.model
    return Contestant(
        f"{model.shared.netG}, ngf {model.shared.ngf}",
        lambda x, names, others: translator.tensor(x, names=names, **others),
        model.networks,
        saved_networks(folder, tag, use_ema=True),
        model.device,
    )


def _without_dropout(networks: Iterable[nn.Module]) -> bool:
    """Turn dropout off; returns whether there was any. Of what is random a student could only learn the mean."""
    layers = [layer for net in networks for layer in net.modules() if isinstance(layer, nn.Dropout | nn.Dropout2d)]
    found = any(layer.p > 0 for layer in layers)
    for layer in layers:
        layer.p = 0.0
    return found


def _folder(run: str) -> Path:
    """The folder of a run that is named by its path, or by its name in ./checkpoints."""
    path = Path(run).expanduser()
    if path.is_file():
        raise OptionError(
            f"{quoted(path)} is a file: name the folder of the run, whose options tell the data that a student learns "
            "from."
        )
    run_of_name = Path("checkpoints") / path
    return path if has_checkpoints(path) or (not run_of_name.is_dir() and path.is_dir()) else run_of_name


def _training_options(plugins: Plugins, folder: Path, dataroot: str, files: tuple[str, ...]) -> ResolvedOptions:
    """The stored options of the run's training."""
    words = ["--name", folder.name, "--checkpoints_dir", str(folder.parent), "--continue_train"]
    words += [word for file in files for word in ("--plugin", file)]
    words += ["--dataroot", dataroot] if dataroot else []
    resolved = resolve("train", words, plugins)
    require_run(resolved)
    if resolved.stored is None:
        raise OptionError(
            f"{quoted(folder)} has neither options.json nor train_opt.txt, so that the data of its training is not "
            f"known: is it the folder of a run? 'pixlate runs {shlex.quote(str(folder.parent))}' lists those there."
        )
    return resolved
