"""The command `pixlate export`: a trained generator as a file for other programs, compared with PyTorch."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixlate.errors import DataError, OptionError
from pixlate.plugins.discovery import load_files
from pixlate.plugins.manager import Plugins
from pixlate.util.output import say
from pixlate.util.text import quoted

from . import common_options

if TYPE_CHECKING:
    from pixlate.inference.exported import Facts
    from pixlate.inference.exporting.export import Exported
    from pixlate.inference.exporting.request import Request
    from pixlate.inference.translator import Translator

SUFFIXES = {"onnx": ".onnx", "torch-export": ".pt2"}  # of the formats that are one file
#: What only exports that contain the graph can choose.
OF_GRAPHS = ("norm_statistics", "with_processing", "tolerance", "images")


@click.command("export")
@click.argument("run")
@click.option(
    "--to",
    "target",
    type=click.Choice(["onnx", "torch-export", "safetensors", "web"]),
    required=True,
    help="onnx: for ONNX Runtime and others; torch-export: for PyTorch; safetensors: a folder for pixlate; web: a "
    "folder that translates in a browser",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="file or folder to write"
)
@common_options.epoch
@common_options.direction
@click.option(
    "--norm_statistics",
    type=click.Choice(["image", "running"]),
    help="of batch norm: of each image, as test.py, or the running ones, as test.py --eval [default: image]",
)
@click.option("--with_processing", is_flag=True, help="pixels of 8 bits in and out, of any size; always so for web")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16", "bf16", "int8"]),
    default="fp32",
    show_default=True,
    help="of the weights; the loss is measured",
)
@click.option(
    "--images",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="images to compare with, and to calibrate int8 [default: the run's data]",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="LEVELS",
    help="largest difference from PyTorch, in 8-bit levels [default: 1 for fp32, any for others]",
)
@click.option("--license", "license_", default="", metavar="TEXT", help="of the weights [default: that of the run]")
@click.option("--data_origin", default="", metavar="TEXT", help="of the training data [default: that of the run]")
@click.option("--title", default="", metavar="TEXT", help="heading of the page of --to web [default: the name of RUN]")
@click.option(
    "--example",
    "examples",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="image to try on the page of --to web, which is copied into it (repeatable)",
)
@click.option(
    "--runtime",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="copy ONNX Runtime Web from this folder of --to web [default: npm install]",
)
@common_options.plugin_files
@click.pass_obj
def export_command(
    plugins: Plugins, /, run: str, target: str, output: Path, files: tuple[str, ...], **given: Any
) -> None:
    """Export the generator of RUN, a run's folder or what else pixlate.load takes, for other programs.

    Averaged weights are used if there are any; dropout is off. What is written is compared with PyTorch first: where it
    differs too much, nothing is written and the exit code is 1.
    """
    load_files(plugins, files)
    output = output.expanduser()
    if not output.parent.is_dir():
        raise DataError(f"{quoted(output)} cannot be written: there is no folder {quoted(output.parent)}.")
    if target in SUFFIXES:
        _require_replaceable(output, SUFFIXES[target])
    if target == "safetensors":
        _require_none(given)
        _save_pretrained(_translator(plugins, run, given), output, given)
        return
    from pixlate.inference.exporting.request import Request

    if target != "web" and (given["title"] or given["examples"] or given["runtime"]):
        raise OptionError("--title, --example and --runtime are of the page that --to web writes.")
    request = Request(
        target,  # type: ignore[arg-type]  # a choice of click's
        given["norm_statistics"] or "image",
        given["with_processing"] or target == "web",
        given["precision"],
        given["tolerance"],
    )
    _show(output, _export(plugins, run, output, request, given))


def _require_replaceable(output: Path, suffix: str) -> None:
    """Raise DataError for a folder, and for a file that is no earlier export."""
    if output.is_dir():
        raise DataError(f"{quoted(output)} is a folder: name the file to write.")
    if os.path.lexists(output) and not (output.is_file() and output.suffix.lower() == suffix):
        raise DataError(
            f"{quoted(output)} exists and is no {suffix} file, which an export would replace: name another."
        )


def _export(plugins: Plugins, run: str, output: Path, request: "Request", given: dict[str, Any]) -> "Exported":
    from pixlate.inference.exporting.export import Generator, export_onnx, export_torch
    from pixlate.inference.exporting.onnx_file import require_exporter

    from .export_images import images_for

    if request.target in ("onnx", "web"):
        require_exporter(f"--to {request.target}")
    translator = _translator(plugins, run, given)
    images, what = images_for(plugins, run, translator, given["images"])
    generator = Generator(translator, request, images, what)
    if request.target == "web":
        from pixlate.inference.exporting.web import Page, export_web

        title = given["title"] or Path(run).name
        return export_web(generator, output, Page(title, given["examples"], given["runtime"]))
    return (export_torch if request.target == "torch-export" else export_onnx)(generator, output)


def _translator(plugins: Plugins, run: str, given: dict[str, Any]) -> "Translator":
    from dataclasses import replace

    from pixlate.inference.loading import load_translator
    from pixlate.inference.translator import Translator

    direction = given["direction"] or ""
    translator = load_translator(plugins, run, epoch=given["epoch"], device="cpu", direction=direction)
    stored = translator.origin.stored
    texts = {name: given[key] for name, key in (("license", "license_"), ("data_origin", "data_origin")) if given[key]}
    origin = replace(translator.origin, stored=replace(stored, options={**stored.options, **texts}))
    return Translator(translator.engine, reading=translator.reading, value_range=translator.value_range, origin=origin)


def _require_none(given: dict[str, Any]) -> None:
    """Raise OptionError for options that a folder of weights does not have."""
    names = [name for name in OF_GRAPHS if given[name] not in (None, False)]
    names += ["precision"] if given["precision"] != "fp32" else []
    if names:
        raise OptionError(
            f"--to safetensors keeps the weights as they are, and has no --{names[0]}: omit it, or choose it "
            "when they are loaded."
        )


def _save_pretrained(translator: "Translator", folder: Path, given: dict[str, Any]) -> None:
    translator.save_pretrained(folder)
    say(f"Wrote {folder}: model.safetensors and config.json, for pixlate.from_pretrained({str(folder)!r}).")


def _show(output: Path, exported: "Exported") -> None:
    facts, verification = exported.facts, exported.verification
    norm = {
        "image": "statistics of each image (--norm_statistics running: those of test.py --eval)",
        "running": "running statistics, those of test.py --eval",
        "none": "there is none",
    }[facts.norm_statistics]
    dropout = "off (test.py without --eval draws it)" if exported.dropout else "off: the generator has none"
    own, torch = (1000 * seconds for seconds in verification.seconds)
    largest, mean, psnr = verification.largest, verification.mean, verification.psnr
    say(
        f"Wrote {output}: {exported.bytes / 1e6:.1f} MB, {facts.parameters:,} weights, {facts.precision}\n"
        f"  input             {_input(facts)}\n"
        f"  batch norm        {norm}\n"
        f"  dropout           {dropout}\n"
        f"  against PyTorch   largest {largest:.4g}, mean {mean:.2g} of 255 levels, PSNR {psnr:.1f} dB,\n"
        f"                    on {verification.images}, in batches of 1 and 2, of {' and '.join(verification.sizes)}\n"
        f"  time here         {own:.0f} ms for an image of {verification.sizes[0]}; PyTorch {torch:.0f} ms"
    )


def _input(facts: "Facts") -> str:
    channels = facts.channels[0]
    sides = f", sides {facts.rule}" if str(facts.rule) else ""
    image = f"N×{channels}×H×W in [-1, 1]{sides}"
    if facts.processing:
        image = f"pixels from 0 to 255, N×H×W×{channels} of any size"
    return ", ".join((image, *(each.name for each in facts.inputs)))
