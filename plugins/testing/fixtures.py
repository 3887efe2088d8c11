"""Fixtures for the tests of plugins: an installed plugin, and a folder of images."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Literal

import pytest

Kind = Literal["aligned", "unaligned", "single", "domains", "manifest"]
COLOURS = ("navy", "gold", "crimson")  # of the circles in the domains, the first two of A and B


def install_plugin(
    site: Path,
    source: str,
    *,
    entry: str = "mine",
    distribution: str = "",
    version: str = "1.0",
    module: str = "",
    requires: Sequence[str] = ("pixlate",),
    value: str = "",
) -> Path:
    """Write a plugin into a folder as an installer would: its module, and a `*.dist-info` with its entry point.

    - site: the folder, to be added to sys.path; it is returned.
    - source: the module's source code.
    - module, distribution: by default `pixlate_<entry>` and `pixlate-<entry>`.
    - requires: lines of Requires-Dist; value: the entry point's value, by default the module.
    """
    module = module or f"pixlate_{entry}".replace("-", "_")
    distribution = distribution or f"pixlate-{entry}"
    # importlib.metadata splits the folder's name at the first hyphen: the distribution's part must have none.
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (site / f"{module}.py").write_text(dedent(source), "utf-8")
    lines = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
    lines += [f"Requires-Dist: {line}" for line in requires]
    (info / "METADATA").write_text("\n".join(lines) + "\n", "utf-8")
    (info / "entry_points.txt").write_text(f"[pixlate]\n{entry} = {value or module}\n", "utf-8")
    return site


@pytest.fixture
def installed_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """A function that installs a plugin for one test, in this process and its child processes.

    Its arguments are those of `install_plugin` without the folder. If PIXLATE_PLUGINS is set, the plugin is added.
    """
    sites: list[Path] = []

    def install(source: str, *, entry: str = "mine", **more: str) -> Path:
        site = tmp_path / f"site{len(sites)}"  # get_plugins() loads plugins again when PYTHONPATH changes
        sites.append(site)
        install_plugin(site, source, entry=entry, **more)
        if "PIXLATE_PLUGINS" in os.environ:
            monkeypatch.setenv("PIXLATE_PLUGINS", f"{os.environ['PIXLATE_PLUGINS']},{entry}".lstrip(","))
        monkeypatch.syspath_prepend(site)
        monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
        return site

    yield install
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(tuple(f"{site}{os.sep}" for site in sites)):
            del sys.modules[name]


@pytest.fixture
def tiny_dataset(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a folder of images for one test; its arguments are those of `write_images`."""

    def make(kind: Kind, *, size: int = 64, count: int = 4, phases: Sequence[str] = ("train", "test")) -> Path:
        return write_images(tmp_path / f"{kind}_images", kind, size=size, count=count, phases=phases)

    return make


def write_images(
    folder: Path, kind: Kind, *, size: int = 64, count: int = 4, phases: Sequence[str] = ("train", "test")
) -> Path:
    """Write synthetic images in the reference's folder layout; returns the folder.

    - kind: "aligned" (A and B side by side in <phase>/), "unaligned" (<phase>A/ and <phase>B/), "domains" (three
      folders in <phase>/, named after colours), "manifest" (manifest.csv with A, B and a number) or "single" (no
      subfolders).
    - size: of a square image in pixels; count: images per subfolder.
    """
    from PIL import Image, ImageDraw

    def draw(path: Path, number: int, *colours: str) -> None:
        sides = len(colours)
        pair = Image.new("RGB", (size * sides, size))
        gradient = Image.linear_gradient("L").resize((size, size))
        for side, colour in enumerate(colours):
            image = Image.merge("RGB", [gradient, gradient.rotate(90), gradient.rotate(180)])
            edge = size // 8 + number % (size // 4)
            ImageDraw.Draw(image).ellipse((edge, edge, size - edge, size - edge), colour)
            pair.paste(image, (size * side, 0))
        path.parent.mkdir(parents=True, exist_ok=True)
        pair.save(path)

    for number in range(count):
        if kind == "single":
            draw(folder / f"{number}.png", number, COLOURS[0])
        for phase in phases if kind != "single" else ():
            if kind == "aligned":
                draw(folder / phase / f"{number}.png", number, *COLOURS[:2])
            elif kind == "manifest":
                for side, colour in zip("AB", COLOURS, strict=False):
                    draw(folder / phase / f"{side}{number}.png", number, colour)
            elif kind == "domains":
                for index, colour in enumerate(COLOURS):
                    draw(folder / phase / colour / f"{number}.png", number + index * count, colour)
            else:
                draw(folder / f"{phase}A" / f"{number}.png", number, COLOURS[0])
                draw(folder / f"{phase}B" / f"{number}.png", number + count, COLOURS[0])
    if kind == "manifest":
        rows = [f"{p}/A{number}.png,{p}/B{number}.png,{number},{p}" for p in phases for number in range(count)]
        (folder / "manifest.csv").write_text("\n".join(["A,B,number,split", *rows]) + "\n", "utf-8")
    return folder
