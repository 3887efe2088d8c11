"""The teacher of `pixlate distill`, and what its student inherits from it."""

import shlex
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

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
from pixlate.util.text import quoted

#: The share of the teacher's channels that a student has where `--ngf` is not given: about 16 times fewer operations.
NARROWER = 4
#: Options of the data that a student reads its images with, as its teacher does.
INHERITED = ("preprocess", "load_size", "crop_size")
#: Options that say under which terms a model may be used, which hold for what is made of it.
LICENSING = ("license", "data_origin")


class Teacher:
    """A trained run that a student learns from.

    - run: its folder, or its name in ./checkpoints; tag: of its checkpoint.
    - direction: "AtoB" or "BtoA", in which it translates; empty for that of its training.
    - dataroot: where its data is now; empty for where it was.

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
        files: tuple[str, ...],
    ) -> None:
        self.folder, self.tag = _folder(run), tag
        self.resolved = _training_options(plugins, self.folder, dataroot, files)
        own = str(self.resolved.values["direction"])
        self.direction = direction or own
        self.data = TeacherData(self.resolved, self.direction, plugins.registry("reader"))
        self.data.check()
        turned = self.direction if self.direction != own else ""
        self.translator = load_translator(plugins, self.folder, epoch=tag, device=device, direction=turned)

    @property
    def name(self) -> str:
        """The name of the run."""
        return self.folder.name

    @cached_property
    def identity(self) -> str:
        """Which weights these are, whatever the run's folder is called: "AtoB:1b4f…"."""
        _ = self.first_output  # builds networks that depend on data
        return f"{self.direction}:{self.translator.engine.digest}"

    @cached_property
    def first_output(self) -> Tensor:
        """The output for the first training input, 1×C×H×W."""
        return self.translate(*self._first)

    def translate(self, x: Tensor, names: list[str], others: Mapping[str, Any]) -> Tensor:
        """The outputs for N×C×H×W inputs, with the names of their files and further fields."""
        return self.translator.tensor(x, names=names, **others)

    def facts(self) -> dict[str, Any]:
        """What the pairs depend on."""
        values = {name: self.resolved.values[name] for name in INHERITED}
        return {"teacher": self.identity, "data": data_fingerprint(self.data.training), **values}

    def contestant(self) -> Contestant:
        """The teacher as it is compared."""
        return contestant(self.translator, self.folder, self.tag)

    def options_of_student(self) -> Iterator[str]:
        """The words of a training of its student: the data is read as the teacher reads its own."""
        values, fields = self.resolved.values, self.data.fields
        yield from ("--model", "distillation", "--direction", self.direction)
        yield from ("--netG", values["netG"], "--ngf", str(max(1, values["ngf"] // NARROWER)), "--norm", values["norm"])
        for name in INHERITED:
            yield from (f"--{name}", str(values[name]))
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
        output = self.first_output
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


def _folder(run: str) -> Path:
    """The folder of a run that is named by its path, or by its name in ./checkpoints."""
    path = Path(run).expanduser()
    if path.is_file():
        raise OptionError(
            f"{quoted(path)} is a file: name the folder of the run, whose options tell the data that a student learns "
            "from."
        )
    return path if path.is_dir() else Path("checkpoints") / path


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
