"""The command `pixlate translate`: files through a trained model."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixlate.errors import DataError, OptionError
from pixlate.options.fields import FiniteFloat
from pixlate.options.ranges import COUNT, WHOLE
from pixlate.plugins.discovery import load_files
from pixlate.plugins.manager import Plugins
from pixlate.util.output import complain, say
from pixlate.util.text import counted, quoted

from . import common_options

if TYPE_CHECKING:
    from pixlate.inference.translating.inputs import Sources
    from pixlate.inference.translating.preparing import Model, Options, Plan
    from pixlate.inference.translating.translation import Summary
    from pixlate.inference.translating.video_encoding import Encoding

STANDARD = "-"  # stdin among the inputs, stdout as the output
Command = Callable[..., Any]

_OPTIONS = (
    click.option("--run", required=True, metavar="RUN", help="a run's folder, its name in ./checkpoints, or a file"),
    click.option(
        "-o", "--output", default="", metavar="OUT", help="folder of the outputs; a file for one input; - is stdout"
    ),
    common_options.epoch,
    common_options.direction,
    common_options.device,
    click.option(
        "--eval", "running_statistics", is_flag=True, help="running statistics and no dropout, as of test --eval"
    ),
    click.option(
        "--format",
        "format_name",
        type=click.Choice(["png", "jpg", "webp", "tif", "same"]),
        help="of the outputs; same: that of each input, if it can be written [default: png]",
    ),
    click.option(
        "--input", "further", multiple=True, metavar="NAME=VALUE", help="a further input of the model: mask=masks/"
    ),
    click.option("--mask", metavar="PATH", help="an image or a folder of images, white where the output is shown"),
    click.option("--feather", type=FiniteFloat(0), default=0.0, metavar="PX", help="blur the edges of the mask"),
    click.option(
        "--carry",
        "carried",
        multiple=True,
        metavar="PATTERN",
        help="copy files beside inputs too: '*.json'",
    ),
    click.option("--tile", type=COUNT, metavar="N", help="in tiles of N pixels without seams, for large images"),
    click.option("--overlap", type=WHOLE, metavar="M", help="of tiles in pixels [default: 64, or what --exact needs]"),
    click.option("--exact", is_flag=True, help="tiles equal the whole image, by one pass over them for each norm"),
    click.option("--pyramid", is_flag=True, help="TIFF files with copies of lower resolution, by --tile"),
    click.option("--codec", metavar="NAME", help="of videos: libx264, libvpx-vp9, ffv1, … [default: by the file]"),
    click.option("--crf", type=WHOLE, metavar="N", help="quality of videos, lower is better [default: near lossless]"),
    click.option("--no_alpha", is_flag=True, help="outputs without the transparency of their inputs"),
    click.option("--no_metadata", is_flag=True, help="outputs without EXIF, XMP, colour profile and resolution"),
    click.option("--no_provenance", is_flag=True, help="no record of what made the outputs, beside them and in them"),
    click.option("--resume", is_flag=True, help="keep outputs that the same weights and options have made"),
    click.option("--overwrite", is_flag=True, help="replace outputs that exist"),
    click.option(
        "--on_bad_image",
        type=click.Choice(["stop", "skip"]),
        default="skip",
        show_default=True,
        help="an input that cannot be read: end, or translate the others",
    ),
    common_options.plugin_files,
)


def _with_options(command: Command) -> Command:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("translate")
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@_with_options
@click.pass_obj
def translate_command(plugins: Plugins, /, inputs: tuple[str, ...], output: str, **given: Any) -> None:
    """Translate files with a trained model: images, folders of them, patterns in quotes; - reads stdin.

    Outputs have the names of their inputs; those of folders keep their sub-folders. The exit code is 1 if an input
    cannot be translated; the others are.
    """
    from pixlate.inference.translating.standard_streams import spooled

    _check(inputs, output, given)
    load_files(plugins, given["files"])
    to_stdout = output == STANDARD or not output
    if to_stdout:  # which is the image's alone
        logging.getLogger("pixlate").setLevel(logging.WARNING)
    with spooled(inputs) as words:
        _translate(plugins, words, "" if to_stdout else output, given)


def _check(inputs: tuple[str, ...], output: str, given: dict[str, Any]) -> None:
    """Raise OptionError for options that contradict each other."""
    if not output and inputs != (STANDARD,):
        raise OptionError("-o is missing: name the folder of the outputs.")
    if inputs.count(STANDARD) > 1:
        raise OptionError("- is stdin, which can be read once.")
    if given["resume"] and given["overwrite"]:
        raise OptionError("--resume keeps outputs and --overwrite replaces them: give one of them.")
    if given["resume"] and given["no_provenance"]:
        raise OptionError("--resume needs the record that --no_provenance leaves out.")
    if given["feather"] and not given["mask"]:
        raise OptionError("--feather blurs the edges of a mask: --mask is missing.")
    for name in ("overlap", "exact", "pyramid"):
        if given["tile"] is None and given[name] is not None and given[name] is not False:
            raise OptionError(f"--{name} is about tiles: --tile is missing.")


def _translate(plugins: Plugins, words: list[str], output: str, given: dict[str, Any]) -> None:
    """Translate what the words name.

    - output: a file or a folder; empty for stdout.
    """
    from pixlate.inference.translating.carrying import carry
    from pixlate.inference.translating.inputs import find_sources
    from pixlate.inference.translating.outputs import single_output
    from pixlate.inference.translating.preparing import prepare_file, prepare_folder

    out = Path(output).expanduser() if output else None
    sources = find_sources(words, outside=out)
    for problem in sources.problems:
        complain(f"Error: {problem}")
    if not sources.files or (sources.problems and given["on_bad_image"] == "stop"):
        raise click.exceptions.Exit(1)
    is_file = out is not None and single_output(sources.files, out)
    options = _options(given)
    if out is None:
        _to_stdout(plugins, sources, options, given)
        return
    model = _model(plugins, given)
    if is_file:
        plan = prepare_file(model, sources.files[0], out, options)
    else:
        plan = prepare_folder(model, sources, out, options)
    left_out = ", ".join(map(str, sources.left_out.counts()))
    say(f"{model.described}; {counted(len(plan.jobs), 'input')}{f'; left out: {left_out}' if left_out else ''}.")
    carried = carry(plan.carried, out)
    summary = _run(plan, options.encoding, stop_at_problem=given["on_bad_image"] == "stop")
    _finish(summary, out, carried, len(sources.problems))


def _options(given: dict[str, Any]) -> "Options":
    from pixlate.inference.tiling.options import TileOptions
    from pixlate.inference.translating.preparing import Options
    from pixlate.inference.translating.video_encoding import Encoding

    return Options(
        format=given["format_name"] or "",
        further=given["further"],
        mask=given["mask"] or "",
        feather=given["feather"],
        alpha=not given["no_alpha"],
        metadata=not given["no_metadata"],
        provenance=not given["no_provenance"],
        resume=given["resume"],
        overwrite=given["overwrite"],
        carried=given["carried"],
        encoding=Encoding(given["codec"] or "", given["crf"]),
        tiles=TileOptions(given["tile"], given["overlap"], given["exact"]) if given["tile"] else None,
        pyramid=given["pyramid"],
    )


def _model(plugins: Plugins, given: dict[str, Any]) -> "Model":
    from pixlate.data.writers import BUILTIN
    from pixlate.inference.loading import load_translator
    from pixlate.inference.translating.preparing import Model

    translator = load_translator(
        plugins,
        given["run"],
        epoch=given["epoch"],
        device=given["device"],
        direction=given["direction"] or "",
        running_statistics=given["running_statistics"],
    )
    writers = [*(writer.load()() for writer in plugins.registry("writer")), *BUILTIN]
    return Model(translator, given["epoch"], writers)


def _to_stdout(plugins: Plugins, sources: "Sources", options: "Options", given: dict[str, Any]) -> None:
    from pixlate.inference.translating.preparing import prepare_stdout
    from pixlate.inference.translating.standard_streams import require_no_terminal, write_to_stdout

    if len(sources.files) > 1:
        raise OptionError(f"stdout takes one image, and there are {len(sources.files)} inputs: name a folder with -o.")
    require_no_terminal()
    plan = prepare_stdout(_model(plugins, given), sources.files[0], options)
    data, _ = plan.files.content(plan.jobs[0])
    write_to_stdout(data)


def _run(plan: "Plan", encoding: "Encoding", *, stop_at_problem: bool) -> "Summary":
    """Translate files, with a progress bar, until a signal comes."""
    from pixlate.inference.translating.translation import translate_images
    from pixlate.inference.translating.videos import add_video
    from pixlate.runs.signals import stop_on_signals

    from .progress import progress

    def problem(text: str) -> None:
        complain(f"Error: {text}")
        if stop_at_problem:
            raise click.exceptions.Exit(1)

    images = [job for job in plan.jobs if not job.source.is_video]
    with stop_on_signals() as stop:

        def check() -> None:
            going_on = "; --resume goes on with the others" if plan.files.provenance else ""
            stop.raise_if_set(f"Finished outputs are whole{going_on}.")

        one = plan.files.large is not None and len(images) == 1
        with progress("translating", "tiles" if one else "images") as show:

            def tile_done(done: int, total: int) -> None:
                check()
                if one:
                    show(done, total)

            files = replace(plan.files, on_tile=tile_done)
            summary = translate_images(files, images, report=show, complain=problem, check=check)
        for job in (job for job in plan.jobs if job.source.is_video):
            with progress(f"translating {quoted(job.source.path.name)}", "frames") as show:
                add_video(
                    plan.files,
                    job,
                    summary,
                    encoding=encoding,
                    report=show,
                    check=check,
                    complain=problem,
                    warn=lambda sentence: complain(f"warning: {sentence}"),
                )
    return summary


def _finish(summary: "Summary", out: Path, carried: int, problems: int) -> None:
    """Say what was done; exit with 1 where an input was not translated."""
    failed = len(summary.problems) + problems
    done = [counted(summary.images, "image")] if summary.images else []
    done += [f"{counted(summary.videos, 'video')} of {counted(summary.frames, 'frame')}"] if summary.videos else []
    speed = f"translated in {summary.seconds:.1f} s ({summary.rate:.1f} a second)"
    parts = [f"{' and '.join(done)} {speed}" if done else "nothing translated"]
    parts += [f"{summary.kept} kept as made before"] if summary.kept else []
    parts += [f"{counted(carried, 'file')} carried"] if carried else []
    parts += [f"{failed} not translated"] if failed else []
    say(f"{', '.join(parts)}: {out}")
    if failed:
        raise DataError(f"{counted(failed, 'input')} could not be translated.")
