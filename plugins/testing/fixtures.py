"""Fixtures for the tests of plugins: an installed plugin, and a small data set."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Literal

import pytest

Kind = Literal["aligned", "unaligned", "single"]


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
    """Lay a plugin out in a folder as an installer would: its module, and a `*.dist-info` with its entry point.

    The module is `pixlate_<entry>`, the distribution `pixlate-<entry>` unless told; `value` is the entry point's
    value where it is not the module. Returns the folder, which is to be on sys.path.
    """
    module = module or f"pixlate_{entry}".replace("-", "_")
    distribution = distribution or f"pixlate-{entry}"
    # importlib.metadata takes the name up to the first hyphen, so that there must be none in it
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
    """Installs plugins for one test, here and for the processes it starts; takes what `install_plugin` takes.

    Where PIXLATE_PLUGINS says which plugins there are, it is extended.
    """
    sites: list[Path] = []

    def install(source: str, *, entry: str = "mine", **more: str) -> Path:
        site = tmp_path / f"site{len(sites)}"  # a new PYTHONPATH has the default plugins found anew
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
    """Makes the folder of a data set of a few images; takes a kind and what else `write_images` takes."""

    def make(kind: Kind, *, size: int = 64, count: int = 4, phases: Sequence[str] = ("train", "test")) -> Path:
        return write_images(tmp_path / f"{kind}_images", kind, size=size, count=count, phases=phases)

    return make


def write_images(
    folder: Path, kind: Kind, *, size: int = 64, count: int = 4, phases: Sequence[str] = ("train", "test")
) -> Path:
    """Write a data set of drawn images in the reference's layout, and return its folder.

    "aligned": A and B side by side in <phase>/; "unaligned": <phase>A/ and <phase>B/; "single": in the folder.
    """
    from PIL import Image, ImageDraw

    def draw(path: Path, number: int, sides: int) -> None:
        sheet = Image.new("RGB", (size * sides, size))
        slope = Image.linear_gradient("L").resize((size, size))
        for side in range(sides):
            image = Image.merge("RGB", [slope, slope.rotate(90), slope.rotate(180)])
            edge = size // 8 + number % (size // 4)
            ImageDraw.Draw(image).ellipse((edge, edge, size - edge, size - edge), ("navy", "gold")[side])
            sheet.paste(image, (size * side, 0))
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path)

    for number in range(count):
        if kind == "single":
            draw(folder / f"{number}.png", number, 1)
        for phase in phases if kind != "single" else ():
            if kind == "aligned":
                draw(folder / phase / f"{number}.png", number, 2)
            else:
                draw(folder / f"{phase}A" / f"{number}.png", number, 1)
                draw(folder / f"{phase}B" / f"{number}.png", number + count, 1)
    return folder
