"""Models as folders to publish: written by `save_pretrained`, read by `load` and `from_pretrained`."""

import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_translator import cycle_gan_run, noise_image, save_generator

import pixlate
from pixlate.errors import CheckpointError, DataError, OptionError
from pixlate.inference.hub import pretrained_folder

pytest.importorskip("safetensors")


def saved(tmp_path: Path, run: Path | None = None, **how: Any) -> Path:
    translate = pixlate.load(run or save_generator(tmp_path, "resnet_6blocks", norm="batch"), device="cpu", **how)
    translate.save_pretrained(tmp_path / "published", license="CC0", data_origin="drawn")
    return tmp_path / "published"


def pixels(image: Any) -> Any:
    return np.asarray(image)


def test_a_saved_model_translates_as_before(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    before, after = (pixlate.load(path, device="cpu") for path in (tmp_path / "latest_net_G.pth", folder))
    assert np.array_equal(pixels(before(noise_image(32, 20))), pixels(after(noise_image(32, 20))))
    assert np.array_equal(
        pixels(pixlate.from_pretrained(folder, device="cpu", running_statistics=True)(noise_image(32, 20))),
        pixels(pixlate.load(tmp_path / "latest_net_G.pth", device="cpu", running_statistics=True)(noise_image(32, 20))),
    )
    assert (after.origin.license, after.origin.data_origin) == ("CC0", "drawn")
    assert "license='CC0'" in repr(after)
    assert "drawn" in after._repr_html_()
    assert (
        before.engine.digest
        == after.engine.digest
        == json.loads((folder / "config.json").read_text())["weights_sha256"]
    )


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_a_saved_model_keeps_both_directions(direction: str, tmp_path: Path) -> None:
    run = cycle_gan_run(tmp_path / "run")
    folder = saved(tmp_path, run)
    before, after = (pixlate.load(path, direction=direction, device="cpu") for path in (run, folder))
    deep = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)  # the value range of the run is kept too
    assert np.array_equal(before(deep), after(deep))
    after.save_pretrained(tmp_path / "again")
    again = pixlate.load(tmp_path / "again", device="cpu")
    assert np.array_equal(before(deep), again(deep))
    assert again.origin.direction == direction


def test_a_published_model_keeps_the_licence_and_names_no_folder(tmp_path: Path) -> None:
    run = cycle_gan_run(tmp_path / "run", license="CC BY 4.0", data_origin="horses", dataroot="/home/somebody/secret")
    pixlate.load(run, device="cpu").save_pretrained(tmp_path / "out")
    assert "secret" not in (tmp_path / "out" / "config.json").read_text()
    loaded = pixlate.load(tmp_path / "out", device="cpu")
    assert (loaded.origin.license, loaded.origin.data_origin) == ("CC BY 4.0", "horses")


class Touch:
    """An object that creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("damage", ["pickle", "cut", "empty", "other networks", "other shapes"])
def test_damaged_weights_are_an_error_of_one_sentence(damage: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    folder = saved(tmp_path)
    weights, mark = folder / "model.safetensors", tmp_path / "executed"
    if damage == "pickle":
        weights.write_bytes(pickle.dumps(Touch(mark)))
    elif damage in ("cut", "empty"):
        weights.write_bytes(weights.read_bytes()[: -10 if damage == "cut" else 0])
    else:
        save_file({"G.a" if damage == "other shapes" else "H.a": torch.zeros(2)}, weights)
    with pytest.raises(CheckpointError):
        pixlate.load(folder)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": 2}, "newer version"),
        ({"format": "x"}, "newer version"),
        ({"options": 3}, "is not of a trained model"),
        ({"options": {"model": "nothing"}}, "'nothing' of .* is not installed"),
        ({"fields": {"A": {"kind": "smell"}}}, "is not of a trained model"),
        ({"value_ranges": {"A": [float("nan"), 1]}}, "a value range is from nan"),
    ],
    ids=str,
)
def test_a_damaged_config_is_an_error_of_one_sentence(change: dict[str, Any], problem: str, tmp_path: Path) -> None:
    folder = saved(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(CheckpointError, match=problem):
        pixlate.load(folder)
    (folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(CheckpointError):
        pixlate.load(folder)


def test_what_is_no_saved_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        pixlate.from_pretrained(tmp_path)
    for name in (tmp_path / "nothing", "nothing", "../some/thing"):
        with pytest.raises(CheckpointError, match="there is no folder"):
            pixlate.from_pretrained(name)


class Hub(BaseHTTPRequestHandler):
    """A repository of the Hub: a folder's files, and one that must not be fetched."""

    folder: Path
    asked: list[str]
    commit = "0" * 40

    def do_GET(self) -> None:
        self.asked.append(self.path)
        name = self.path.rpartition("/")[2]
        if (self.folder / name).is_file():
            self._answer((self.folder / name).read_bytes())
        else:
            self.send_error(404)

    do_HEAD = do_GET

    def _answer(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("ETag", f'"{len(data)}"')
        self.send_header("X-Repo-Commit", self.commit)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Silent."""


@contextmanager
def hub(folder: Path) -> Iterator[tuple[str, list[str]]]:
    handler = type("Handler", (Hub,), {"folder": folder, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler.asked  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_model_of_the_hub_is_fetched_without_its_other_files(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    folder = saved(tmp_path)
    script = "import sys; from pixlate.inference.hub import pretrained_folder; print(pretrained_folder('me/model'))"
    with hub(folder) as (address, asked):
        environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hf")}
        found = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
        assert found.returncode == 0, found.stderr
        local = Path(found.stdout.split()[-1])
        assert (local / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
        assert sorted(path.name for path in local.iterdir()) == ["config.json", "model.safetensors"]
        assert not any("code.py" in path for path in asked)
    assert np.array_equal(
        pixels(pixlate.load(local, device="cpu")(noise_image(16, 16))),
        pixels(pixlate.load(folder, device="cpu")(noise_image(16, 16))),
    )


def test_a_hub_that_does_not_answer_is_an_error_of_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub_library = pytest.importorskip("huggingface_hub")

    def fail(*args: Any, **how: Any) -> None:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(hub_library, "hf_hub_download", fail)
    with pytest.raises(CheckpointError, match="the Hub did not give"):
        pretrained_folder("me/model")


def test_a_config_of_another_architecture_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path, cycle_gan_run(tmp_path / "run"))
    config = json.loads((folder / "config.json").read_text())
    config["options"] |= {"ngf": 3}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="--ngf 2"):
        pixlate.load(folder)


def test_weights_are_those_of_their_config(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="checksum"):
        pixlate.load(folder)


def test_a_saved_model_has_one_checkpoint(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    for path in (folder, tmp_path / "latest_net_G.pth"):
        with pytest.raises(OptionError, match="omit the epoch"):
            pixlate.load(path, epoch=5)


@pytest.mark.parametrize("file", ["options.json", "config.json"])
def test_nothing_of_others_is_replaced(file: str, tmp_path: Path) -> None:
    run = cycle_gan_run(tmp_path / "run")
    other = run if file == "options.json" else tmp_path / "other"
    other.mkdir(exist_ok=True)
    (other / "config.json").write_text('{"format": "of another program"}')
    with pytest.raises(DataError, match=file):
        pixlate.load(run, device="cpu").save_pretrained(other)
    assert pixlate.load(run, device="cpu").origin.stored.options["model"] == "cycle_gan"


def test_one_direction_that_is_saved_has_no_other(tmp_path: Path) -> None:
    run = cycle_gan_run(tmp_path / "run")
    pixlate.load(run, direction="BtoA", device="cpu").save_pretrained(tmp_path / "back")
    assert pixlate.load(tmp_path / "back", device="cpu").origin.direction == "BtoA"
    with pytest.raises(OptionError, match="does not translate AtoB"):
        pixlate.load(tmp_path / "back", direction="AtoB")


@pytest.mark.parametrize("pixels", ["x", 1.5, 0, -1, True])
def test_a_limit_of_pixels_that_is_none_is_refused(pixels: Any, tmp_path: Path) -> None:
    folder = saved(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["options"]["max_image_pixels"] = pixels
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="max_image_pixels"):
        pixlate.load(folder)
