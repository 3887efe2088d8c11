"""The same faults for pixlate and for the reference, side by side.

    python tests/helpers/reference_faults.py FOLDER_OF_THE_REFERENCE

The reference needs wandb and dominate installed. Prints one table.
"""

import json
import os
import pickle
import random
import re
import runpy
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))
from trainings import make_images

KILLS = 12
NETWORK = ("--netG", "resnet_6blocks", "--ngf", "64", "--ndf", "8", "--load_size", "36", "--crop_size", "32")
TRAIN = ("--model", "pix2pix", *NETWORK, "--num_threads", "0", "--print_freq", "1", "--save_latest_freq", "1")
PIXLATE = Path(__file__).parents[2]


def forked(work: Callable[[], None], out: Path) -> int:
    """Start work in a process of its own."""
    number = os.fork()
    if number:
        return number
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    code = 0
    try:
        work()
    except SystemExit as exit_request:
        code = exit_request.code if isinstance(exit_request.code, int) else bool(exit_request.code)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    os._exit(code)


class Program:
    """pixlate or the reference: starts its commands."""

    def __init__(self, root: Path, reference: Path | None) -> None:
        self.root = root
        self.reference = reference
        self.out = root / "out.txt"
        sys.path.insert(0, str(reference or PIXLATE))
        torch.set_num_threads(1)
        torch.optim.Adam([torch.zeros(1, requires_grad=True)])

    def start(self, *args: str | Path, test: bool = False, name: str = "run") -> int:
        where = ["--dataroot", self.root / "images", "--checkpoints_dir", self.root / "runs", "--name", name]
        if self.reference:
            command = ["test.py" if test else "train.py", *where, *args]
            command += [] if test else ["--no_html"]
        else:
            command = ["test" if test else "train", *where, *args, "--device", "cpu"]
            command += [] if test else ["--no_html", "--display_id", "0"]
        return forked(lambda: self._run(list(map(str, command))), self.out)

    def run(self, *args: str | Path, test: bool = False, name: str = "run") -> tuple[int, str]:
        """Run to the end; its exit status and output."""
        _, status = os.waitpid(self.start(*args, test=test, name=name), 0)
        return os.waitstatus_to_exitcode(status), self.out.read_text(errors="replace")

    def _run(self, command: list[str]) -> None:
        if self.reference:
            os.chdir(self.reference)
            sys.argv = command
            runpy.run_path(command[0], run_name="__main__")
        else:
            from pixlate.__main__ import main

            main(command)

    def kill_while_saving(self) -> dict[str, int]:
        """Kill a training while it writes its checkpoint, and look at what is left."""
        draw = random.Random(0)
        counts = {"kills": 0, "unreadable weights": 0, "could not resume": 0}
        folder = self.root / "runs" / "killed"
        watched = folder / "latest_net_G.pth"
        for _ in range(KILLS):
            shutil.rmtree(folder, ignore_errors=True)
            number = self.start(*TRAIN, name="killed")
            self._wait(number, lambda: watched.exists() and (folder / "latest_net_D.pth").exists())
            time.sleep(draw.uniform(0, 0.3))
            writing = shrinking(watched) if self.reference else lambda: any(folder.glob(".part*"))
            self._wait(number, writing)
            os.kill(number, 9)
            os.waitpid(number, 0)
            counts["kills"] += 1
            try:
                torch.load(watched, weights_only=True)
            except Exception:
                counts["unreadable weights"] += 1
            code, _ = self.run(*TRAIN, "--continue_train", "--n_epochs", "1", "--n_epochs_decay", "0", name="killed")
            counts["could not resume"] += code != 0
        return counts

    def _wait(self, number: int, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not true():
            assert time.monotonic() < end, self.out.read_text()[-500:]
            assert os.waitpid(number, os.WNOHANG) == (0, 0), self.out.read_text()

    def judge(self, code: int, output: str) -> str:
        """The reaction to a bad input, in a few words."""
        if "Traceback" in output:
            last = [line for line in output.splitlines() if line.strip()][-1]
            return f"traceback ({re.split(r'[:(]', last)[0].strip()})"
        if code == 0:
            return "trained on as if nothing were wrong"
        return "one-sentence error"

    def bad_inputs(self) -> dict[str, str]:
        """Train with one bad input or option at a time."""
        short = (*TRAIN, "--n_epochs", "1", "--n_epochs_decay", "0")
        answers = {}
        images = self.root / "images"
        originals = self.root / "originals"
        shutil.copytree(images, originals)
        for what, spoil in SPOILERS.items():
            shutil.rmtree(images)
            shutil.copytree(originals, images)
            spoil(images)
            answers[what] = self.judge(*self.run(*short, name=re.sub(r"\W", "", what)))
        shutil.rmtree(images)
        shutil.copytree(originals, images)
        for what, options in OPTIONS.items():
            answers[what] = self.judge(*self.run(*short, *options, name="options"))
        answers["a run name that points outside of the folder"] = self.judge(*self.run(*short, name="../../up"))
        return answers

    def bad_checkpoints(self) -> dict[str, str]:
        """Continue from weights that are damaged, or that run code."""
        short = (*TRAIN, "--n_epochs", "1", "--n_epochs_decay", "0")
        code, output = self.run(*short, name="weights")
        assert code == 0, output
        folder, answers = self.root / "runs" / "weights", {}
        mark = self.root / "executed"
        for what in ("truncated weights", "weights that run code when unpickled"):
            for name in ("latest_net_G.pth", "latest_state.pt", "previous_state.pt"):
                if (folder / name).exists():
                    path = folder / name
                    spoil_file(path, mark) if "code" in what else path.write_bytes(path.read_bytes()[:-100])
            answers[what] = self.judge(*self.run(*short, "--continue_train", name="weights"))
            if mark.exists():
                answers[what] = "the code ran"
        return answers


def shrinking(path: Path) -> Callable[[], bool]:
    """A function that tells whether a file has become smaller, because it is being overwritten in place."""
    largest = 0

    def smaller() -> bool:
        nonlocal largest
        size = path.stat().st_size
        largest = max(largest, size)
        return size < largest

    return smaller


class Runs:
    """An object that creates a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


def spoil_file(path: Path, mark: Path) -> None:
    """Replace a checkpoint."""
    path.write_bytes(pickle.dumps({"weight": Runs(mark)}))


def bomb(path: Path) -> None:
    """A small PNG that says it is 100,000 by 100,000 pixels large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))


def cut_short(path: Path) -> None:
    """Half an image."""
    path.write_bytes(path.read_bytes()[:200])


SPOILERS: dict[str, Callable[[Path], object]] = {
    "an empty file among the images": lambda p: (p / "train" / "03.png").write_bytes(b""),
    "a truncated image": lambda p: cut_short(p / "train" / "03.png"),
    "a text file named .png": lambda p: (p / "train" / "03.png").write_text("hello"),
    "a decompression bomb": lambda p: bomb(p / "train" / "03.png"),
    "no images (empty folder)": lambda p: [file.unlink() for file in (p / "train").iterdir()],
    "a missing folder": lambda p: shutil.rmtree(p / "train"),
    "an image two pixels wide": lambda p: Image.new("RGB", (2, 40)).save(p / "train" / "03.png"),
}
OPTIONS = {
    "--lr nan": ("--lr", "nan"),
    "--model cyclegan": ("--model", "cyclegan"),
    "--batch_size 0": ("--batch_size", "0"),
    "--crop_size larger than --load_size": ("--crop_size", "64"),
}


def measure(root: str, reference: str) -> None:
    """In a process of its own: one program's answers, as JSON on the last line."""
    program = Program(Path(root), Path(reference) if reference else None)
    answers = {"kills": program.kill_while_saving(), **program.bad_inputs(), **program.bad_checkpoints()}
    print(json.dumps(answers))


def main() -> None:
    """Measure both and print the table."""
    columns = []
    for reference in ("", sys.argv[1]):
        with tempfile.TemporaryDirectory() as root:
            make_images(Path(root) / "images")
            process = subprocess.run(
                [sys.executable, __file__, "--measure", root, reference],
                capture_output=True,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "PIXLATE_PLUGINS": "", "WANDB_MODE": "disabled"},
            )
            assert process.returncode == 0, process.stdout + process.stderr
            columns.append(json.loads(process.stdout.splitlines()[-1]))
    print("| fault | pixlate | the reference |\n| --- | --- | --- |")
    for what in columns[0]:
        print(f"| {what} | {columns[0][what]} | {columns[1][what]} |")


if __name__ == "__main__":
    if sys.argv[1] == "--measure":
        measure(sys.argv[2], sys.argv[3])
    else:
        main()
