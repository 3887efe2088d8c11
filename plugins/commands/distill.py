"""The command `pixlate distill`: a smaller generator learns the outputs of a trained run."""

import json
from typing import TYPE_CHECKING, Any

import click

from pixlate.errors import NothingToDo, OptionError
from pixlate.options.ranges import COUNT
from pixlate.plugins.discovery import load_files
from pixlate.plugins.manager import Plugins
from pixlate.util.files import write_whole
from pixlate.util.output import complain, say
from pixlate.util.text import counted, quoted

from . import common_options
from .progress import progress

if TYPE_CHECKING:
    from pixlate.options.command.resolved import ResolvedOptions
    from pixlate.runs.distillation.table import Comparison

    from .teacher import Teacher

PAIRS = "pairs"  # the folder of the pairs, in that of the student
RESULTS = "distillation"  # the name of the files of the table, without their suffixes


@click.command("distill", context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.argument("run", metavar="RUN")
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[TRAINING OPTIONS]")
@click.option("--name", default="", metavar="NAME", help="name of the student's run [default: RUN_student]")
@click.option(
    "--direction",
    type=click.Choice(["AtoB", "BtoA"]),
    help="of a teacher that translates in both directions [default: that of its training]",
)
@click.option("--dataroot", default="", metavar="FOLDER", help="the teacher's data, where it was moved, or other data")
@click.option("--teacher_epoch", default="latest", show_default=True, metavar="TAG", help="checkpoint of the teacher")
@click.option(
    "--student_epoch", default="latest", show_default=True, metavar="TAG", help="checkpoint of the student in the table"
)
@click.option("--images", type=COUNT, metavar="N", help="at most the first N held-out images in the table")
@click.option(
    "--views",
    type=COUNT,
    metavar="N",
    help="how often each training image is translated, differently cropped and flipped "
    "[default: for 2000 pairs, 20 at most]",
)
@click.option("--report", is_flag=True, help="only measure again and print the table, without training")
@common_options.device
@common_options.plugin_files
@click.pass_context
def distill_command(context: click.Context, /, run: str, options: tuple[str, ...], **given: Any) -> None:
    """Train a smaller generator, the student, on the outputs of a trained run, and compare the two in a table.

    RUN is a name in ./checkpoints, or a folder. All options of `pixlate train` may follow, such as --netG, --ngf, --lr,
    --n_epochs and --minutes; by default the student has the teacher's generator with a quarter of its channels. The
    same command again resumes the training where it stopped.
    """
    from .teacher import Teacher

    plugins: Plugins = context.obj
    load_files(plugins, given["files"])
    teacher = Teacher(
        plugins,
        run,
        tag=given["teacher_epoch"],
        direction=given["direction"] or "",
        dataroot=given["dataroot"],
        device=given["device"],
        views=given["views"],
        files=given["files"],
    )
    words, student = _student(plugins, teacher, list(options), given)
    if not given["report"]:
        _require_own(teacher, student)
        if further := teacher.check_fields():
            complain(f"warning: the teacher's outputs depend on '{further}' too, which a student does not get.")
        if teacher.is_smaller_than(student):
            complain("warning: the student computes as much as its teacher, or more: choose a smaller --ngf or --netG.")
        _write_pairs(teacher, student)
        _train(context, words)
    comparison = _compare(plugins, teacher, student, given)
    _store(comparison, student)
    _show(comparison)


def _student(
    plugins: Plugins, teacher: "Teacher", options: list[str], given: dict[str, Any]
) -> tuple[list[str], "ResolvedOptions"]:
    """The words of the student's training, and what they mean; options that the user gives take precedence."""
    from pixlate.options.command.requirements import require_epochs
    from pixlate.options.command.resolve import resolve

    words = ["--name", given["name"] or f"{teacher.name}_student", *teacher.options_of_student()]
    words += ["--device", given["device"], "--teacher", teacher.identity]
    words += [word for file in given["files"] for word in ("--plugin", file)]
    first = resolve("train", [*words, *options], plugins)
    # Its data lies in its folder, which other options determine.
    words += ["--dataroot", str(first.folder / PAIRS)]
    words += [] if first.values["overwrite"] else ["--resume", "auto"]
    words += options
    resolved = resolve("train", words, plugins)
    if resolved.folder.resolve() == teacher.folder.resolve():
        raise OptionError(f"--name '{resolved.name}' is the teacher itself: choose another one for the student.")
    require_epochs(resolved)
    return words, resolved


def _require_own(teacher: "Teacher", student: "ResolvedOptions") -> None:
    """Raise OptionError where the student's name is taken by a run that was not distilled from this teacher."""
    from pixlate.options.command.stored import read_stored
    from pixlate.runs.folder import has_checkpoints

    if student.values["overwrite"] or not has_checkpoints(student.folder):
        return
    stored = read_stored(student.folder)
    options = stored.options if stored else {}
    if options.get("model") != "distillation" or options.get("teacher") != teacher.identity:
        raise OptionError(
            f"run '{student.name}' exists, and was not distilled from these weights of '{teacher.name}': choose "
            "another --name, or --overwrite to replace it."
        )


def _write_pairs(teacher: "Teacher", student: "ResolvedOptions") -> None:
    """Write the teacher's outputs for the training inputs and the held-out ones, unless they are there."""
    from pixlate.runs.distillation.pairs import PairFolder
    from pixlate.runs.folder import claimed_folder

    side, held_out = teacher.data.input_side, teacher.data.held_out
    with claimed_folder(student.folder), progress("translating") as report:
        pairs = PairFolder(student.folder / PAIRS, teacher.facts())
        count = teacher.views * len(teacher.data.training)
        if not pairs.is_complete("train", count):
            images, views = counted(len(teacher.data.training), "training image"), counted(teacher.views, "view")
            others = "".join(f", and {len(dataset)} of {phase}" for phase, dataset in held_out.items())
            say(f"'{teacher.name}' translates {images}, {views} of each{others}, into {pairs.folder}.")
        pairs.write("train", teacher.data.training, side, teacher.translate, report, views=teacher.views)
        for phase, dataset in held_out.items():
            pairs.write(phase, dataset, side, teacher.translate, report)


def _train(context: click.Context, words: list[str]) -> None:
    """Train the student by the command `train`, or train it on; one that is finished stays as it is."""
    commands = context.find_root().command
    assert isinstance(commands, click.Group)
    try:
        context.invoke(commands.commands["train"], arguments=tuple(words))
    except NothingToDo as finished:
        if finished.exit_code:
            raise
        say(str(finished))


def _compare(plugins: Plugins, teacher: "Teacher", student: "ResolvedOptions", given: dict[str, Any]) -> "Comparison":
    from pixlate.inference.loading import load_translator
    from pixlate.runs.distillation.comparing import compare

    from .teacher import contestant

    tag = given["student_epoch"]
    if not student.folder.is_dir():
        raise OptionError(f"there is no run {quoted(student.folder)}: omit --report to train it.")
    translator = load_translator(plugins, student.folder, epoch=tag, device=given["device"])
    with progress("comparing") as report:
        return compare(
            teacher.data,
            plugins,
            teacher.contestant(),
            contestant(translator, student.folder, tag),
            facts={
                "teacher_run": teacher.name,
                "teacher_epoch": teacher.tag,
                "teacher_weights": teacher.identity,
                "teacher_dropout": teacher.has_dropout,
                "student_run": student.name,
                "student_epoch": tag,
            },
            limit=given["images"],
            report=report,
        )


def _store(comparison: "Comparison", student: "ResolvedOptions") -> None:
    """Write the table into the student's folder."""
    from pixlate.util.owned import OwnFiles

    content = {".json": json.dumps(comparison.to_json(), indent=2) + "\n", ".md": comparison.to_markdown()}
    files = OwnFiles(student.folder)
    for suffix, text in content.items():
        files.claim(RESULTS + suffix)
        write_whole(student.folder / f"{RESULTS}{suffix}", text.encode())
    say(f"The table is in {student.folder / RESULTS}.md and .json:")


def _show(comparison: "Comparison") -> None:
    from rich.text import Text

    from pixlate.runs.distillation.table import HEADINGS

    from .listing import show, table

    show(table(HEADINGS, [[Text(cell) for cell in row] for row in comparison.rows()]))
    for line in comparison.conditions():
        say(line)
