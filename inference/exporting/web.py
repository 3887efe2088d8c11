"""Writes a folder that translates images in a browser: a page, the model as ONNX, and what it needs to run."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from pixlate.data.reading import read_image
from pixlate.errors import DataError
from pixlate.inference.exported import Facts
from pixlate.util.files import cannot_write, make_folder, write_whole
from pixlate.util.foreign import open_file, reason
from pixlate.util.text import quoted

from .export import Exported, Generator, onnx_content

#: The files of the page, as they lie in web_files/.
PAGE = ("index.html", "app.js", "worker.js", "style.css", "README.txt")
MODEL, ABOUT, PACKAGE = "model.onnx", "model.json", "package.json"
#: The npm package that computes the model, and those of its files that are needed.
RUNTIME, VERSION = "onnxruntime-web", "^1.20.0"
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
PART = ".part-"  # the start of the name of what is being written
COPIED = "runtime"  # the folder that they are copied to
#: The longest sides, in pixels, that a person can choose: the memory of a page ends at 4 GB.
SIDES = (256, 512, 1024, 2048)
LARGEST_EXAMPLE = 512  # pixels


@dataclass(frozen=True)
class Page:
    """What the page is made with beside the model.

    - title: its heading; examples: images to try it with.
    - runtime: a folder with the files of ONNX Runtime Web, which are copied; None where npm installs them.
    """

    title: str
    examples: Sequence[Path] = ()
    runtime: Path | None = None


def export_web(generator: Generator, folder: Path, page: Page) -> Exported:
    """Write the folder. Only its own files are replaced in one that exists.

    Raises DataError where the folder holds other files, and what `onnx_content` raises; BadImageError for examples.
    """
    is_own = (folder / ABOUT).is_file() or (folder.is_dir() and not any(map(_is_other, folder.iterdir())))
    if folder.exists() and not is_own:
        raise DataError(f"{quoted(folder)} holds other files: name a new folder, or one of an earlier export.")
    runtime = _runtime_files(page.runtime) if page.runtime is not None else {}
    examples = {f"example{number}.png": _example(path) for number, path in enumerate(page.examples, start=1)}
    content, exported = onnx_content(generator, folder / MODEL)
    package = {"private": True, "dependencies": {} if runtime else {RUNTIME: VERSION}}
    about = _about(exported.facts, page.title, len(content), list(examples), bool(runtime))
    _write_all(
        folder,
        {
            ABOUT: _json(about),  # first: by it the folder is known as one of an export
            **{name: (files(__package__) / "web_files" / name).read_bytes() for name in PAGE},
            **examples,
            **{f"{COPIED}/{name}": data for name, data in runtime.items()},
            PACKAGE: _json(package),
            MODEL: content,
        },
    )
    return exported


def _is_other(path: Path) -> bool:
    """Whether a file is none that an interrupted export has left."""
    return not path.name.startswith(PART)


def _write_all(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files into a folder, none of them unless there is room for all."""
    make_folder(folder)
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=PART) as aside:
            for number, data in enumerate(contents.values()):
                write_whole(Path(aside) / str(number), data)
            for number, name in enumerate(contents):
                make_folder((folder / name).parent)
                os.replace(Path(aside) / str(number), folder / name)
    except OSError as error:
        raise cannot_write(folder, error) from error


def _about(facts: Facts, title: str, size: int, examples: list[str], copied: bool) -> dict[str, Any]:
    """What the page must know of the model, and what it tells people."""
    options = facts.stored.options
    trained = options.get("crop_size")
    side = next((side for side in SIDES if isinstance(trained, int) and side >= trained), 512)
    verification = facts.verification
    return {
        "title": title,
        "bytes": size,
        "channels": list(facts.channels),
        "runtime": f"{COPIED}/" if copied else f"node_modules/{RUNTIME}/dist/",
        "missing": "ONNX Runtime Web is missing: run 'npm install' in the folder of this page, and reload it.",
        "sides": list(SIDES),
        "side": max(side, 512),
        "examples": examples,
        "about": {
            "licence": options.get("license") or "unknown",
            "training data": options.get("data_origin") or "unknown",
            "model": f"{facts.name}, {facts.network}, {facts.parameters:,} weights, {facts.precision}",
            "batch norm": {"none": "there is none", "image": "statistics of each image"}.get(
                facts.norm_statistics, "running statistics"
            ),
            "dropout": "off",
            "difference from PyTorch": f"at most {verification['largest_difference']:g} of 255 levels, on "
            f"{verification['images']}",
            "SHA-256 of the weights": facts.digest,
            "made with": f"pixlate {facts.to_texts()['pixlate']}",
        },
    }


def _json(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()


def _runtime_files(folder: Path) -> dict[str, bytes]:
    """The files of ONNX Runtime Web in a folder: that of the package, or its dist. Raises DataError."""
    for place in (folder / "dist", folder):
        if all((place / name).is_file() for name in RUNTIME_FILES):
            break
    else:
        raise DataError(
            f"{quoted(folder)} is no folder of {RUNTIME}: it lacks {', '.join(RUNTIME_FILES)}, which npm installs."
        )
    content = {}
    for name in RUNTIME_FILES:
        try:
            with open_file(place / name) as file:
                content[name] = file.read()
        except OSError as error:
            raise DataError(f"{quoted(place / name)} cannot be read: {reason(error)}.") from error
    return content


def _example(path: Path) -> bytes:
    """An image as a PNG without metadata, not too large."""
    image = read_image(path)
    image.thumbnail((LARGEST_EXAMPLE, LARGEST_EXAMPLE), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    image.save(buffer, "png")
    return buffer.getvalue()
