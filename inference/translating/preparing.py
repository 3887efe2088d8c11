"""What a translation of files needs before the first one: a loaded model, options, and a plan of all outputs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from pixlate.data.field_values import field_of
from pixlate.data.writers import BUILTIN, Writer
from pixlate.errors import DataError, OptionError
from pixlate.inference.engine import Engine
from pixlate.inference.onnx_engine import OnnxEngine
from pixlate.inference.tiling.options import TileOptions, check_tile
from pixlate.inference.translator import Translator
from pixlate.util.files import make_folder
from pixlate.util.stale_files import remove_stale_files
from pixlate.util.text import quoted

from .carrying import Carried, plan_carried
from .companions import Companions, FurtherInputs
from .inputs import Source, Sources
from .large import LargeFiles
from .one_image import ImageTranslation
from .outputs import Job, plan, require_free, require_inside, require_no_input
from .provenance import Provenance, files_digest, software
from .saving import OutputFormat, plain
from .translation import ImageFiles
from .video import require_video, video_suffix
from .video_encoding import Encoding

_MODEL_OPTIONS = ("model", "netG", "norm", "dropout", "seed", "ignore_metadata")  # that an output depends on


@dataclass(frozen=True)
class Options:
    """How files are translated, beside the model.

    - format: "png", "jpg", "webp", "tif", "same" or empty for PNG.
    - further: "NAME=VALUE" of further inputs; mask: the path of an image or a folder; feather: in pixels.
    - alpha, metadata, provenance: whether outputs have the transparency and the metadata of their inputs, and a record.
    - resume, overwrite: whether outputs that exist are kept, where they were made in the same way, or replaced.
    - carried: patterns of files beside the inputs that are copied beside the outputs.
    - encoding: of videos.
    - tiles: how images are divided into tiles, or None; pyramid: outputs that are TIFF files have copies of lower
      resolution.
    """

    format: str = ""
    further: tuple[str, ...] = ()
    mask: str = ""
    feather: float = 0.0
    alpha: bool = True
    metadata: bool = True
    provenance: bool = True
    resume: bool = False
    overwrite: bool = False
    carried: tuple[str, ...] = ()
    encoding: Encoding = Encoding()
    tiles: TileOptions | None = None
    pyramid: bool = False


@dataclass(frozen=True)
class Plan:
    """What is about to be done: files that are translated, and files that are copied."""

    files: ImageFiles
    jobs: Sequence[Job]
    carried: Sequence[Carried] = ()


@dataclass(frozen=True)
class Model:
    """A loaded model as files are translated by it.

    - epoch: the tag of its checkpoint; writers: of values of more than 8 bits.
    """

    translator: Translator
    epoch: str = "latest"
    writers: Sequence[Writer] = BUILTIN

    @cached_property
    def weights(self) -> str:
        """A SHA-256 of its weights: of their files, where an image is needed before they can be loaded."""
        path = Path(self.translator.origin.source).expanduser()
        path = path if path.exists() else Path("checkpoints") / path
        return self.translator.engine.digest or files_digest(path, (f"{self.epoch}_net_*.pth", "*.safetensors"))

    @property
    def described(self) -> str:
        """A line about it."""
        engine, origin = self.translator.engine, self.translator.origin
        direction = f", {origin.direction}" if origin.direction else ""
        return f"{engine.name} of {quoted(origin.source)} ({engine.network}{direction}) on {engine.device}"

    def output_format(self, name: str) -> OutputFormat:
        """The format of its outputs, by `--format`."""
        engine = self.translator.engine
        return OutputFormat(name, field_of("fake_B", engine.fields), engine.channels[1], self.writers)

    def one(self, options: Options) -> ImageTranslation:
        """The translation of one image. Raises OptionError and DataError for further inputs and masks."""
        field = field_of("fake_B", self.translator.engine.fields)
        if options.mask and field.kind == "labels":
            raise OptionError("--mask blends values, and the model's outputs are classes.")
        if options.tiles:
            check_tile(self.translator.engine.network, self.translator.engine.sides(), options.tiles.tile)
        return ImageTranslation(
            self.translator.with_tiles(options.tiles) if options.tiles else self.translator,
            self.translator.reading,
            FurtherInputs(options.further, self.translator.engine.fields),
            Companions(Path(options.mask).expanduser(), "mask") if options.mask else None,
            options.feather,
            options.alpha,
        )

    def facts(self, options: Options, numbers: dict[str, int | float]) -> dict[str, Any]:
        """What is recorded of a translation."""
        engine, origin = self.translator.engine, self.translator.origin
        stored = origin.stored.options
        return {
            "run": origin.source,
            "epoch": self.epoch,
            "device": engine.device,
            "weights": self.weights,
            "license": origin.license,
            "model": {
                "name": engine.name,
                "network": engine.network,
                "direction": origin.direction,
                **{name: stored[name] for name in _MODEL_OPTIONS if name in stored},
                **_of_export(engine),
            },
            "options": {
                "eval": bool(getattr(engine, "running_statistics", False)),
                "inputs": numbers,
                "feather": options.feather,
                "alpha": options.alpha,
                "metadata": options.metadata,
                "codec": options.encoding.codec,
                "crf": options.encoding.crf,
                **({"tiles": asdict(options.tiles), "pyramid": options.pyramid} if options.tiles else {}),
            },
        }


def prepare_folder(model: Model, sources: Sources, folder: Path, options: Options) -> Plan:
    """The translation of files into a folder, which is made.

    Raises DataError, before anything is written, where an output cannot be written or may not be replaced.
    """
    if any(folder.resolve() == given.resolve() for given in sources.folders):
        raise DataError(f"{quoted(folder)} is the folder of the inputs: choose another one for the outputs.")
    one = model.one(options)
    form = model.output_format(options.format)
    jobs = plan(
        sources.files,
        folder,
        lambda source: video_suffix(source.path) if source.is_video else form.suffix(source.path),
    )
    _require_encoders(jobs, options)
    carried = plan_carried(options.carried, sources, folder, jobs)
    require_no_input((folder / file.name for file in carried), [*sources.files, *carried])
    names = [*(job.name for job in jobs), *(file.name for file in carried)]
    require_inside(folder, names)
    if not (options.resume or options.overwrite):
        require_free(folder / name for name in names)
    make_folder(folder)
    remove_stale_files(folder, {PurePosixPath(name).parent.as_posix() for name in names})
    provenance = None
    if options.provenance:
        provenance = Provenance(folder, model.facts(options, one.others.numbers), resume=options.resume)
        provenance.require_no_output(file.name for file in carried)
        provenance.claim(names)
    return Plan(_files(model, one, options, provenance), jobs, carried)


def prepare_file(model: Model, source: Source, path: Path, options: Options) -> Plan:
    """The translation of one file into another one, beside which nothing is recorded.

    Raises OptionError for a name whose format cannot hold the output, DataError where it may not be replaced.
    """
    if options.resume or options.carried:
        raise OptionError(f"--{'resume' if options.resume else 'carry'} needs a folder: name one with -o.")
    name = plain(path.suffix).removeprefix(".")
    if source.is_video:
        written = video_suffix(path)
    elif options.format and options.format != name:
        raise OptionError(f"-o {quoted(path)} and --format {options.format} are two formats: omit one of them.")
    else:
        written = model.output_format(name).suffix(source.path)
    if plain(written) != plain(path.suffix):
        raise OptionError(f"-o {quoted(path)} cannot hold the output: name it {quoted(path.with_suffix(written))}.")
    job = Job(source, path.name, path)
    _require_encoders([job], options)
    require_no_input([path], [source])
    if not options.overwrite:
        require_free([path])
    return Plan(_files(model, model.one(options), options, None), [job])


def prepare_stdout(model: Model, source: Source, options: Options) -> Plan:
    """The translation of one file for stdout: the job's path is that of a file that is never written."""
    if source.is_video:
        raise OptionError("a video is not written to stdout: name a file with -o.")
    suffix = model.output_format(options.format).suffix(source.path)
    return Plan(_files(model, model.one(options), options, None), [Job(source, "", Path(f"stdout{suffix}"))])


def _of_export(engine: Engine) -> dict[str, Any]:
    """What the outputs of an exported file depend on beside the weights."""
    if not isinstance(engine, OnnxEngine):
        return {}
    facts = engine.facts
    return {
        "precision": facts.precision,
        "norm_statistics": facts.norm_statistics,
        "processing": facts.processing,
    }


def _require_encoders(jobs: Sequence[Job], options: Options) -> None:
    """Raise OptionError where there are videos, and they cannot be encoded as asked for."""
    suffixes = {job.path.suffix for job in jobs if job.source.is_video}
    if suffixes:
        require_video()
    for suffix in sorted(suffixes):
        options.encoding.of(suffix)


def _files(model: Model, one: ImageTranslation, options: Options, provenance: Provenance | None) -> ImageFiles:
    made_by = software(model.weights) if options.provenance else ""
    large = None
    if options.tiles and not (one.masks or one.others.has_images):  # these are read as a whole
        large = LargeFiles(model.translator, options.tiles, options.pyramid, made_by)
    return ImageFiles(
        one, model.translator.engine.output_scale, provenance, made_by, options.metadata, model.writers, large
    )
