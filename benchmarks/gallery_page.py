"""Measures the page of a test with many results in Chromium, opened from its file: opening, sorting, scrolling.

    python -m benchmarks.gallery_page --count 2000

Writes a gallery of small images with 4 labels and two metrics. "usable" is the time from the start of the navigation
until the tools have been built and drawn, the last of the times that are printed before "sort".
"""

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
CHROMIUM = "/usr/bin/chromium"
LABELS = ("real_A", "fake_B", "rec_A", "real_B")
#: Milliseconds from an action to the second frame after it: the first one draws what it changed.
TIMED = """async (act) => {
  const start = performance.now();
  (0, eval)(act);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - start;
}"""
SORT = "o = document.getElementById('order'); o.value = '{}'; o.dispatchEvent(new Event('change'))"
FIND = "f = document.getElementById('find'); f.value = '{}'; f.dispatchEvent(new Event('input'))"
#: The durations of frames, in milliseconds, while the page scrolls by so many pixels in each.
SCROLL = """async (step) => {
  const frames = [];
  let before = await new Promise(requestAnimationFrame);
  for (let i = 0; i < 240; i++) {
    scrollBy(0, step);
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    before = now;
  }
  return frames;
}"""


def write_gallery(folder: Path, count: int, size: int) -> Path:
    """A gallery of noise; returns its page."""
    from pixlate.runs.results.gallery import Gallery
    from pixlate.runs.results.result_page import ResultPage

    generator = torch.Generator().manual_seed(0)
    page = ResultPage("Experiment = benchmark", higher_is_better={"ssim": True, "l1": False})
    with Gallery(folder, page) as gallery:
        for i in range(count):
            images = {label: torch.rand(3, size, size, generator=generator) * 2 - 1 for label in LABELS}
            ssim = float(torch.rand((), generator=generator))
            gallery.add(f"/data/image_{i:05}.png", images, {"ssim": ssim, "l1": 1 - ssim})
    return gallery.page


def measure(page: Any, address: str) -> dict[str, float]:
    """The times of one opening of the page, in milliseconds."""
    page.goto(address, wait_until="load")
    usable = page.evaluate("new Promise((done) => requestAnimationFrame(() => done(performance.now())))")
    page.wait_for_timeout(300)
    timing = page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
    painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN")
    times = {"parsed": timing["domContentLoadedEventEnd"], "load event": timing["loadEventEnd"]}
    times |= {"first paint": painted, "usable": usable}
    for value in ("worst:ssim", "name"):
        times[f"sort by {value}"] = page.evaluate(TIMED, SORT.format(value))
    times["filter by name"] = page.evaluate(TIMED, FIND.format("_001"))
    page.evaluate(TIMED, FIND.format(""))
    times["to the grid"] = page.evaluate(TIMED, "document.getElementById('grid').click()")
    page.evaluate(TIMED, "document.getElementById('grid').click()")
    for step in (60, 600):
        frames = sorted(page.evaluate(SCROLL, step))
        times[f"frame, scrolling {step} px: median"] = statistics.median(frames)
        times[f"frame, scrolling {step} px: 95 %"] = frames[int(0.95 * len(frames))]
        times[f"frame, scrolling {step} px: longest"] = frames[-1]
    return times


@click.command()
@click.option("--count", default=2000, show_default=True, help="results")
@click.option("--size", default=64, show_default=True, help="pixels of an image's side")
@click.option("--rounds", default=3, show_default=True, help="openings, of which the median is printed")
def main(count: int, size: int, rounds: int) -> None:
    """Write the gallery, and print the medians."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = write_gallery(Path(folder), count, size)
        click.echo(f"{count} results, a page of {path.stat().st_size / 2**20:.1f} MiB")
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        measured = [measure(page, path.as_uri()) for _ in range(rounds)]
        for name in measured[0]:
            click.echo(f"{name:36} {statistics.median(times[name] for times in measured):8.0f} ms")
        chromium.close()


if __name__ == "__main__":
    main()
