"""Trainings and tests whose output nobody can read any more: they end as others do."""

from pathlib import Path

import pytest
from trainings import PIX2PIX, Command, differences, make_images, place, run, train

#: Python that spoils stdout and, with 2 in `streams`, stderr of a command before it starts.
LOST = {
    "closed pipe": "reader, writer = os.pipe(); os.close(reader); spoil(writer)",
    "full disk": "spoil(os.open('/dev/full', os.O_WRONLY))",
    "closed terminal": "import pty; terminal, end = pty.openpty(); os.close(terminal); spoil(end)",
}
SPOIL = """
import os
def spoil(descriptor):
    for number in {streams}:
        os.dup2(descriptor, number)
"""
MISSING = """
import os, sys
for number in (0, 1, 2):
    os.close(number)
sys.stdin = sys.stdout = sys.stderr = None
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("output")
    make_images(root / "images")
    train(root / "whole", *PIX2PIX)
    return root


def trained(folder: Path, name: str, before: str) -> Command:
    """A training of the same options, after which the run equals one with a working terminal."""
    command = train(folder / name, *PIX2PIX, before=before)
    assert differences(folder / "whole" / "run", folder / name / "run") == []
    return command


@pytest.mark.parametrize("lost", LOST)
def test_training_goes_on_without_stdout_and_says_so_once(folder: Path, lost: str) -> None:
    command = trained(folder, lost, SPOIL.format(streams=(1,)) + LOST[lost])
    [line] = command.output.splitlines()
    assert line.startswith("warning: standard output cannot be written (")


def test_training_goes_on_with_nowhere_to_print(folder: Path) -> None:
    assert trained(folder, "both", SPOIL.format(streams=(1, 2)) + LOST["closed terminal"]).output == ""


def test_training_and_testing_without_standard_streams(folder: Path) -> None:
    trained(folder, "missing", MISSING)
    tested = run("test", *place(folder / "missing"), "--phase", "val", "--results_dir", folder, before=MISSING)
    assert tested.code == 0
    assert len(list((folder / "run" / "val_latest" / "images").glob("*_fake_B.png"))) == 2


def test_testing_goes_on_without_stdout(folder: Path) -> None:
    before = SPOIL.format(streams=(1,)) + LOST["full disk"]
    tested = run("test", *place(folder / "whole"), "--phase", "val", "--results_dir", folder / "full", before=before)
    assert tested.code == 0
    assert tested.output.count("\n") == 1
    assert (folder / "full" / "run" / "val_latest" / "index.html").exists()


def test_names_that_the_terminal_cannot_write(folder: Path) -> None:
    """A narrow encoding, and a folder of other letters."""
    narrow = "import sys; sys.stdout.reconfigure(encoding='latin-1', errors='strict')"
    (folder / "写真").symlink_to(folder / "images")
    command = run("train", "--dataroot", folder / "写真", "--checkpoints_dir", folder / "写", *PIX2PIX, before=narrow)
    assert command.code == 0
    assert "\\u5199" in command.output


def test_a_plugin_that_prints_is_not_dropped_for_it(folder: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "chatty.py"
    plugin.write_text(
        "import click\nfrom pixlate.plugins import hookimpl\n\n@hookimpl\ndef step_ended(run, progress):\n"
        "    print('step', flush=True)\n    click.echo('step')\n"
        f"    open({str(tmp_path / 'steps')!r}, 'a').write('.')\n"
    )
    before = SPOIL.format(streams=(1,)) + LOST["closed pipe"]
    command = train(folder / "chatty", *PIX2PIX, "--plugin", plugin, before=before)
    assert command.output.count("\n") == 1
    assert (tmp_path / "steps").read_text() == "." * 15
