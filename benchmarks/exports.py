"""Measures how the exports of trained runs differ from the images that test.py writes, in 8-bit levels.

    python -m benchmarks.exports checkpoints/facades_pix2pix --eval --images 8 --runtime node_modules/onnxruntime-web

Each route translates the input images of the test, as files: `pixlate.load`, ONNX with and without its processing,
torch.export, and with --runtime the page of --to web in Chromium. With --eval the exports have running statistics, and
test.py is called with --eval; without it the model must have no dropout, which exports leave out. Then the precisions
are compared, with sizes and times for one of the images on this machine.
"""

import functools
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
CHROMIUM = "/usr/bin/chromium"
Pixels = NDArray[Any]
#: From an image to its translation, both H×W×3 of 8 bits.
Route = Callable[[Pixels], Pixels]
#: The pixels of the output's canvas, once the page has translated a file.
CANVAS = """(() => {
  const canvas = document.getElementById("after");
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return [canvas.width, canvas.height, [...data]];
})()"""


def inputs_of(run: Path, count: int) -> tuple[str, list[tuple[str, Pixels]]]:
    """The phase of a test, and its first inputs: the stem of each file, and its pixels as the model gets them."""
    from pixlate import get_plugins
    from pixlate.data.batches import fetch
    from pixlate.plugins.commands.export_images import data_of

    dataset: Any = data_of(get_plugins(), str(run))
    if dataset is None:
        raise SystemExit(f"the data of {run} is not there.")
    dataset.take_each_input_once(count)
    side = "A" if dataset.shared.direction == "AtoB" else "B"
    found = []
    for index in range(count):
        batch, _ = fetch(dataset, [(1, index)])
        levels = ((batch[side][0].permute(1, 2, 0) + 1) * 127.5).round().to(torch.uint8).numpy()
        found.append((Path(batch[f"{side}_paths"][0]).stem, levels))
    return dataset.shared.phase, found


def tested(run: Path, phase: str, stems: Sequence[str], eval_: bool, folder: Path) -> list[Pixels]:
    """What test.py writes for these inputs."""
    words = ["--name", run.name, "--checkpoints_dir", run.parent, "--results_dir", folder, "--phase", phase]
    words += ["--num_test", len(stems), "--device", "cpu", *(["--eval"] if eval_ else [])]
    subprocess.run([sys.executable, ROOT / "test.py", *map(str, words)], check=True, capture_output=True)
    files = {path.name: path for path in folder.rglob("*_fake_B.png")}
    return [np.asarray(Image.open(files[f"{stem}_fake_B.png"]).convert("RGB")) for stem in stems]


def export(run: Path, target: str, output: Path, eval_: bool, *further: str) -> Path:
    """Export a run by the command."""
    from pixlate.__main__ import run_command

    statistics = "running" if eval_ else "image"
    run_command(["export", str(run), "--to", target, "-o", str(output), "--norm_statistics", statistics, *further])
    return output


def of_program(path: Path) -> Route:
    """A file of torch.export with its processing, which this program has just written."""
    program: Any = torch.export.load(path).module()

    def route(image: Pixels) -> Pixels:
        with torch.no_grad():
            output: Pixels = program(torch.from_numpy(image.copy())[None])[0].numpy()
        return output

    return route


class Handler(SimpleHTTPRequestHandler):
    """Serves files silently."""

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@contextmanager
def of_page(folder: Path, scratch: Path) -> Iterator[Route]:
    """The page of a folder, from a plain server of files, in Chromium."""
    from playwright.sync_api import sync_playwright

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.locator("#status", has_text="ready").wait_for(timeout=120_000)

        def route(image: Pixels) -> Pixels:
            Image.fromarray(image).save(scratch / "input.png")
            page.evaluate("document.getElementById('status').textContent = ''")
            page.set_input_files("#file", scratch / "input.png")
            page.locator("#status", has_text="pixels in").wait_for(timeout=120_000)
            width, height, data = page.evaluate(CANVAS)
            return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]

        yield route
        chromium.close()
    server.shutdown()
    server.server_close()


def row(name: str, route: Route, images: Sequence[Pixels], expected: Sequence[Pixels], size: int = 0) -> None:
    """Print a row of a table: the differences in levels, the share of equal values, the size, and the time."""
    differences = [
        np.abs(route(image).astype(int) - wanted.astype(int)) for image, wanted in zip(images, expected, strict=True)
    ]
    times = []
    for _ in range(5):
        start = time.perf_counter()
        route(images[0])
        times.append(time.perf_counter() - start)
    every = np.concatenate([difference.ravel() for difference in differences])
    print(
        f"| {name} | {every.max()} | {every.mean():.5f} | {100 * (every == 0).mean():.3f} % | "
        f"{f'{size / 1e6:.1f} MB' if size else ''} | {1000 * sorted(times)[2]:.0f} ms |",
        flush=True,
    )


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--eval", "eval_", is_flag=True, help="against test.py --eval, with running statistics")
@click.option("--images", default=8, show_default=True, help="inputs of the test")
@click.option("--runtime", type=click.Path(path_type=Path), help="folder of onnxruntime-web; without it no page")
def main(run: Path, eval_: bool, images: int, runtime: Path | None) -> None:
    """Print the tables of a run."""
    import pixlate

    phase, inputs = inputs_of(run, images)
    pixels = [image for _, image in inputs]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        expected = tested(run, phase, [stem for stem, _ in inputs], eval_, folder / "results")
        files = {
            "ONNX": export(run, "onnx", folder / "plain.onnx", eval_),
            "ONNX --with_processing": export(run, "onnx", folder / "pixels.onnx", eval_, "--with_processing"),
            "ONNX fp16": export(run, "onnx", folder / "fp16.onnx", eval_, "--precision", "fp16"),
            "ONNX int8": export(run, "onnx", folder / "int8.onnx", eval_, "--precision", "int8"),
        }
        programs = {
            name: export(run, "torch-export", folder / f"{name}.pt2", eval_, "--with_processing", "--precision", name)
            for name in ("fp32", "fp16", "bf16")
        }
        print(f"\n{run.name}, {len(pixels)} images of phase {phase}, against test.py{' --eval' if eval_ else ''}\n")
        print("| route | largest | mean | equal | file | time |\n| --- | --- | --- | --- | --- | --- |")
        row("pixlate.load", pixlate.load(run, device="cpu", running_statistics=eval_), pixels, expected)
        for name, path in files.items():
            row(name, pixlate.load(path), pixels, expected, path.stat().st_size)
        for name, path in programs.items():
            row(f"torch-export {name}", of_program(path), pixels, expected, path.stat().st_size)
        if runtime is not None:
            web = export(run, "web", folder / "web", eval_, "--runtime", str(runtime))
            with of_page(web, folder) as route:
                row("web, in Chromium", route, pixels, expected, (web / "model.onnx").stat().st_size)


if __name__ == "__main__":
    main()
