"""For the tests of plugins: fixtures and contracts.

    # tests/conftest.py
    pytest_plugins = ["pixlate.plugins.testing"]

    # tests/test_mine.py
    from pixlate.plugins.testing import check_model

    def test_mine() -> None:
        check_model("mine")

- `check_model(name)`, `check_dataset(name, dataroot)`: all that a model and a data set must do; AssertionError says
  what one does not.
- fixture `installed_plugin`: installs a plugin for one test, from its source.
- fixture `tiny_dataset`: a folder with a few drawn pictures, "aligned", "unaligned" or "single".
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal

import pytest

from .loading import forget_plugins

__all__ = ["check_dataset", "check_model", "install_plugin", "installed_plugin", "tiny_dataset", "write_pictures"]

Kind = Literal["aligned", "unaligned", "single"]


def check_model(
    name: str,
    *,
    device: str = "cpu",
    make_batch: Callable[[int, int], dict[str, Any]] | None = None,
    **options: Any,
) -> None:
    """Check that a registered model keeps its contract, on tiny networks and drawn pictures.

    Its options have help; a step changes every trained network and leaves finite losses; losses and pictures have
    the same names each time; its state goes on bit for bit after saving; `translate` keeps the size and changes
    nothing; `--direction BtoA`, `--accumulate`, bfloat16 and building for testing work.

    - make_batch: makes a batch of so many pictures from a seed, where the model needs more than "A" and "B".
    - options: as on the command line (`netG="unet_128"`), over the model's defaults and `ngf=4, ndf=4`.
    """
    from .model_contract import ModelContract  # torch is imported by the first check, not by pytest's start

    ModelContract(name, device, make_batch, options).check()


def check_dataset(name: str, dataroot: Path | str, **options: Any) -> None:
    """Check that a registered data set keeps its contract on the pictures in a folder.

    Items are pictures in [-1, 1] with names, the same each time for the same (epoch, index), here and in a process
    that is started afresh; nothing draws from a global generator; the files that it names exist.

    - options: as on the command line (`load_size=64, crop_size=64`).
    """
    from .dataset_contract import check

    check(name, dataroot, {"load_size": 64, "crop_size": 64, **options})


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
    site = tmp_path / "site"
    site.mkdir()

    def install(source: str, *, entry: str = "mine", **more: str) -> Path:
        install_plugin(site, source, entry=entry, **more)
        if "PIXLATE_PLUGINS" in os.environ:
            monkeypatch.setenv("PIXLATE_PLUGINS", f"{os.environ['PIXLATE_PLUGINS']},{entry}".lstrip(","))
        forget_plugins()
        return site

    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    forget_plugins()
    yield install
    forget_plugins()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(f"{site}{os.sep}"):
            del sys.modules[name]


@pytest.fixture
def tiny_dataset(tmp_path: Path) -> Callable[..., Path]:
    """Makes the folder of a data set of a few pictures; takes a kind and what else `write_pictures` takes."""

    def make(kind: Kind, *, size: int = 64, count: int = 4, phases: Sequence[str] = ("train", "test")) -> Path:
        return write_pictures(tmp_path / f"{kind}_pictures", kind, size=size, count=count, phases=phases)

    return make


def write_pictures(
    folder: Path, kind: Kind, *, size: int = 64, count: int = 4, phases: Sequence[str] = ("train", "test")
) -> Path:
    """Write a data set of drawn pictures in the reference's layout, and return its folder.

    "aligned": A and B side by side in <phase>/; "unaligned": <phase>A/ and <phase>B/; "single": in the folder.
    """
    from PIL import Image, ImageDraw

    def draw(path: Path, number: int, sides: int) -> None:
        sheet = Image.new("RGB", (size * sides, size))
        slope = Image.linear_gradient("L").resize((size, size))
        for side in range(sides):
            picture = Image.merge("RGB", [slope, slope.rotate(90), slope.rotate(180)])
            edge = size // 8 + number % (size // 4)
            ImageDraw.Draw(picture).ellipse((edge, edge, size - edge, size - edge), ("navy", "gold")[side])
            sheet.paste(picture, (size * side, 0))
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
