"""Exports to a page in the browser: what the folder holds, and that it translates as pixlate does."""

import functools
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import CHROMIUM, browser, needs_chromium
from paths import ROOT
from PIL import Image
from test_translator import noise_image, save_generator

import pixlate
from pixlate.__main__ import run_command
from pixlate.errors import DataError, OptionError

SOURCES = sorted((ROOT / "inference" / "exporting" / "web_files").iterdir())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_file_of_the_page_loads_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(
        r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval)\b", text.replace("wasm-unsafe-eval", "")
    )
    assert not re.search(r"@import|url\(|https?://(?!localhost)", text)
    if path.suffix == ".js" and shutil.which("node"):
        command = ["node", "--check", *(["--input-type=module", "-"] if path.stem == "worker" else [path])]
        checked = subprocess.run(command, input=text, capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a generator with batch norm, with an example."""
    pytest.importorskip("onnxscript")
    root = tmp_path_factory.mktemp("web")
    save_generator(root, "resnet_6blocks", norm="batch")
    noise_image(700, 300).save(root / "example.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
    arguments = ["--to", "web", "-o", str(root / "page"), "--example", str(root / "example.jpg")]
    run_command(["export", str(root / "latest_net_G.pth"), *arguments, "--title", "<b>Noise</b>", "--license", "CC0"])
    return root / "page"


def test_what_the_folder_holds(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} >= {
        *(path.name for path in SOURCES), "model.onnx", "model.json", "package.json", "example1.png",
    }  # fmt: skip
    about = json.loads((folder / "model.json").read_text("utf-8"))
    assert about["bytes"] == (folder / "model.onnx").stat().st_size
    assert about["about"]["licence"] == "CC0"
    assert json.loads((folder / "package.json").read_text())["dependencies"] == {"onnxruntime-web": "^1.20.0"}
    with Image.open(folder / "example1.png") as example:
        assert max(example.size) == 512
        assert not example.getexif()
    assert pixlate.load(folder / "model.onnx")(noise_image(9, 7)).size == (9, 7)


def test_folders_of_others_are_not_written_into(folder: Path, tmp_path: Path) -> None:
    run = str(folder.parent / "latest_net_G.pth")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="holds other files"):
        run_command(["export", run, "--to", "web", "-o", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(DataError, match="is no folder of onnxruntime-web"):
        run_command(["export", run, "--to", "web", "-o", str(tmp_path / "page"), "--runtime", str(tmp_path)])
    with pytest.raises(OptionError, match="of the page"):
        run_command(["export", run, "--to", "onnx", "-o", str(tmp_path / "g.onnx"), "--title", "T"])


class Handler(SimpleHTTPRequestHandler):
    """Serves files as `python -m http.server` does, silently."""

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@contextmanager
def served(folder: Path, width: int = 1280) -> Iterator[Any]:
    """The page of a folder, from a server of files, in Chromium."""
    from playwright.sync_api import sync_playwright

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_context(viewport={"width": width, "height": 800}).new_page()
        page.requested = []
        page.on("request", lambda request: page.requested.append(request.url))
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        yield page
        chromium.close()
    server.shutdown()
    server.server_close()


def output(page: Any, name: str = "after") -> Any:
    """The pixels H×W×3 of a canvas of the page."""
    width, height, data = page.evaluate(
        f"""(() => {{
          const canvas = document.getElementById("{name}");
          const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          return [canvas.width, canvas.height, [...data]];
        }})()"""
    )
    return np.array(data, np.uint8).reshape(height, width, 4)[..., :3].astype(int)


def give(page: Any, event: str, path: Path, name: str = "dropped.png") -> None:
    """Drop or paste a file."""
    page.evaluate(
        """([event, bytes, name]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], name, {type: "image/png"}));
          const init = {bubbles: true, cancelable: true};
          document.body.dispatchEvent(event === "drop" ? new DragEvent("drop", {...init, dataTransfer: data})
            : new ClipboardEvent("paste", {...init, clipboardData: data}));
        }""",
        [event, list(path.read_bytes()), name],
    )


def finished(page: Any, text: str) -> None:
    page.locator("#status", has_text=text).wait_for(timeout=60000)


@needs_chromium
def test_a_page_that_is_opened_as_a_file_says_what_it_needs(folder: Path) -> None:
    with browser(folder / "index.html") as page:
        page.locator("#status", has_text="needs a web server").wait_for(timeout=10000)


@pytest.mark.npm
@needs_chromium
@pytest.mark.skipif(not shutil.which("npm"), reason="needs npm")
def test_the_page_translates_as_pixlate(folder: Path, tmp_path: Path) -> None:
    page_folder = shutil.copytree(folder, tmp_path / "page")
    with served(page_folder) as page:
        finished(page, "run 'npm install' in the folder")
    subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=page_folder, check=True, capture_output=True)
    translate = pixlate.load(folder.parent / "latest_net_G.pth", device="cpu")
    noise_image(90, 61).save(tmp_path / "one.png")
    noise_image(40, 50, "L").save(tmp_path / "two.png")
    noise_image(1200, 30).save(tmp_path / "wide.png")
    with served(page_folder) as page:
        finished(page, "The model is ready")
        assert page.title() == "<b>Noise</b>"
        page.set_input_files("#file", tmp_path / "one.png")
        finished(page, "90 × 61 pixels")
        assert np.abs(output(page) - np.asarray(translate(tmp_path / "one.png"))).max() <= 1
        assert np.array_equal(output(page, "before"), np.asarray(Image.open(tmp_path / "one.png")))
        for event, name in (("drop", "two.png"), ("paste", "one.png")):
            give(page, event, tmp_path / name)
            finished(page, "40 × 50" if name == "two.png" else "90 × 61")
            assert np.abs(output(page) - np.asarray(translate(tmp_path / name))).max() <= 1
        page.focus("#slider")
        before = page.eval_on_selector("#before", "canvas => canvas.style.clipPath")
        page.keyboard.press("ArrowLeft")
        assert page.eval_on_selector("#before", "canvas => canvas.style.clipPath") != before
        with page.expect_download() as download:
            page.click("#download")
        assert download.value.suggested_filename == "dropped_translated.png"
        assert np.array_equal(np.asarray(Image.open(download.value.path()).convert("RGB")), output(page))
        page.set_input_files("#file", tmp_path / "wide.png")
        finished(page, "512 × 13 pixels")
        assert "reduced from 1200 × 30" in page.inner_text("#status")
        page.click("#examples button")
        finished(page, "512 × 219 pixels")
        (tmp_path / "no.png").write_bytes(b"no image")
        page.set_input_files("#file", tmp_path / "no.png")
        finished(page, "no.png is no image that this browser can read")
        address = page.url
        assert all(url.startswith((address, "blob:", "data:")) for url in page.requested)


def test_a_full_disk_leaves_a_folder_to_export_to(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["export", str(folder.parent / "latest_net_G.pth"), "--to", "web", "-o", str(tmp_path / "page")]
    written: list[Path] = []

    def fail(path: Path, data: bytes) -> None:
        if len(written) == 3:
            raise DataError("no space is left")
        written.append(path)
        path.write_bytes(data)

    with monkeypatch.context() as patch:
        patch.setattr("pixlate.inference.exporting.web.write_whole", fail)
        with pytest.raises(DataError, match="no space"):
            run_command(arguments)
    assert list((tmp_path / "page").iterdir()) == []
    run_command(arguments)
    assert (tmp_path / "page" / "model.json").is_file()


def test_an_export_replaces_exports_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"a photograph")
    for output in (tmp_path / "photo.jpg", Path("/dev/null"), tmp_path):
        with pytest.raises(DataError, match="name"):
            run_command(["export", str(folder.parent / "latest_net_G.pth"), "--to", "onnx", "-o", str(output)])
    assert (tmp_path / "photo.jpg").read_bytes() == b"a photograph"
