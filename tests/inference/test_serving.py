"""The HTTP API of `pixlate serve`: it answers what pixlate.load gives, and everything odd with a reason."""

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_files import tiff_of_one_tile
from PIL import Image
from served import PALETTE, Client, file_of, in_parts, make_runs, noise, pixels_of

import pixlate
from pixlate.errors import CheckpointError, DataError, OptionError
from pixlate.inference.serving.app import create_app
from pixlate.inference.serving.guard import LOOPBACK, Access
from pixlate.inference.serving.limits import Limits
from pixlate.inference.serving.models import load_models, require_room
from pixlate.inference.serving.service import Service

PNG = {"content-type": "image/png"}
LIMITS = Limits(max_bytes=200_000, max_pixels=256 * 256, timeout=20, queue=4)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return make_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def service(runs: list[str]) -> Iterator[Service]:
    with Service(load_models(pixlate.get_plugins(), runs, epoch="latest", device="cpu"), LIMITS) as service:
        yield service


@pytest.fixture(scope="module")
def client(service: Service) -> Client:
    return Client(create_app(service, Access()))


def post(client: Any, content: bytes, model: str = "paired", query: str = "", **headers: str) -> Any:
    sent = {**PNG, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return client.post(f"/v1/models/{model}/translate{query}", content=content, headers=sent)


def refused(response: Any, status: int, error: str, part: str = "") -> None:
    body = response.json()
    assert (response.status_code, body["error"]) == (status, error), response.text
    assert part in body["reason"]
    assert body["reason"][0].isupper() or body["reason"].startswith("'")
    assert body["reason"].endswith((".", "?"))
    assert "Traceback" not in response.text
    assert "pixlate-serve-" not in response.text  # the server's folder


@pytest.mark.parametrize("name", ["", "a.png"])
@pytest.mark.parametrize("evaluate", [False, True])
def test_an_answer_is_what_the_loaded_model_gives(client: Any, runs: list[str], name: str, evaluate: bool) -> None:
    image = noise()
    response = post(client, file_of(image), query=f"?eval={evaluate}&name={name}")
    assert response.status_code == 200, response.text
    translate = pixlate.load(runs[0], device="cpu", running_statistics=evaluate)
    assert np.array_equal(pixels_of(response.content), np.asarray(translate(image, name=name)))
    assert response.headers["content-type"] == "image/png"
    assert response.headers["x-model-sha256"] == translate.engine.digest
    assert response.headers["x-image-size"] == "40x24"
    assert "translate;dur=" in response.headers["server-timing"]


def test_dropout_is_seeded_by_the_name_of_the_file(client: Any, runs: list[str]) -> None:
    content = file_of(noise())
    plain = post(client, content)
    named = post(client, content, content_disposition='attachment; filename="C:\\\\photos\\\\a.png"')
    form = client.post("/v1/models/paired/translate", files={"image": ("a.png", content, "image/png")})
    asked = post(client, content, query="?name=a.png")
    assert named.content == form.content == asked.content != plain.content
    expected = pixlate.load(runs[0], device="cpu")(noise(), name="a.png")
    assert np.array_equal(pixels_of(form.content), np.asarray(expected))


def test_directions(client: Any, runs: list[str]) -> None:
    image = noise()
    for direction in ("AtoB", "BtoA"):
        response = post(client, file_of(image), "cycle", f"?direction={direction}")
        expected = pixlate.load(runs[1], device="cpu", direction=direction)(image)
        assert np.array_equal(pixels_of(response.content), np.asarray(expected))
    refused(post(client, file_of(image), "paired", "?direction=BtoA"), 400, "direction", "AtoB")
    refused(post(client, file_of(image), "cycle", "?direction=<b>"), 400, "direction")


def test_drawings_in_the_colours_of_classes(client: Any, runs: list[str]) -> None:
    classes = np.random.default_rng(0).integers(0, 4, (24, 40))
    drawing = Image.fromarray(np.array(PALETTE, np.uint8)[classes])
    response = post(client, file_of(drawing), "labels")
    numbers = Image.fromarray(classes.astype(np.uint8))
    assert np.array_equal(pixels_of(response.content), np.asarray(pixlate.load(runs[2], device="cpu")(numbers)))
    refused(post(client, file_of(Image.new("L", (8, 8), 9)), "labels"), 422, "bad_image", "class 9")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "GIF", "WEBP"])
def test_images_of_any_kind_are_read_as_files_are(client: Any, runs: list[str], tmp_path: Path, kind: str) -> None:
    translate = pixlate.load(runs[1], device="cpu")
    seen = 0
    for mode in ("RGB", "L", "P", "RGBA", "CMYK", "1", "I;16", "LA"):
        image = Image.new(mode, (9, 7), 900) if mode == "I;16" else noise(9, 7, mode)
        try:
            (tmp_path / mode).write_bytes(file_of(image, kind))
        except (OSError, KeyError, ValueError):
            continue  # Pillow does not write it
        query = f"?name={mode.replace(';', '%3B')}"
        response = post(client, (tmp_path / mode).read_bytes(), "cycle", query, content_type="application/octet-stream")
        try:
            expected = np.asarray(translate(tmp_path / mode))
        except DataError as error:  # two bands of TIFF need tifffile
            refused(response, 422, "bad_image", str(error).partition(" as an image: ")[2])
        else:
            assert np.array_equal(pixels_of(response.content), expected), mode
        seen += 1
    assert seen > 2


def test_orientation_and_frames_are_read_as_files_are(client: Any, runs: list[str], tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [noise(seed=i) for i in range(2)]
    noise(20, 12).save(tmp_path / "turned.jpg", exif=exif)
    frames[0].save(tmp_path / "animated.gif", save_all=True, append_images=frames[1:])
    noise(1, 1).save(tmp_path / "one.png")
    for path in sorted(tmp_path.iterdir()):
        response = post(client, path.read_bytes(), "cycle", f"?name={path.name}")
        expected = pixlate.load(runs[1], device="cpu")(path)
        assert np.array_equal(pixels_of(response.content), np.asarray(expected)), path.name


@pytest.mark.parametrize(
    ("query", "accept", "media_type"),
    [
        ("", "*/*", "image/png"),
        ("", "image/webp", "image/webp"),
        ("", "text/html;q=0.9, image/jpeg;q=0.5, image/png;q=0.1", "image/jpeg"),
        ("?format=jpg", "image/png", "image/jpeg"),
        ("?format=tiff", "", "image/tiff"),
    ],
)
def test_formats_of_answers(client: Any, query: str, accept: str, media_type: str) -> None:
    response = post(client, file_of(noise()), query=query, accept=accept)
    assert response.headers["content-type"] == media_type
    assert pixels_of(response.content).shape == (24, 40, 3)


def bomb(width: int, height: int) -> bytes:
    """A PNG file whose header claims a size, with no more than a few bytes behind it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    sized = [(struct.pack(">I", len(data)), kind + data) for kind, data in chunks]
    parts = (length + chunk + struct.pack(">I", zlib.crc32(chunk)) for length, chunk in sized)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_what_is_odd_is_refused_with_a_reason(client: Any) -> None:
    good = file_of(noise())
    refused(post(client, b""), 400, "empty_body")
    refused(post(client, b"nonsense"), 422, "bad_image", "cannot be read")
    refused(post(client, good[:400]), 422, "bad_image", "cannot be read")
    refused(post(client, b"<svg xmlns='http://www.w3.org/2000/svg'/>"), 422, "bad_image")
    refused(post(client, good, content_type="text/plain"), 415, "media_type", "text/plain")
    refused(post(client, good, content_type="application/x-www-form-urlencoded"), 415, "media_type")
    refused(post(client, good, "nobody"), 404, "unknown_model")
    refused(post(client, good, "pared"), 404, "unknown_model", "Did you mean 'paired'?")
    refused(post(client, good, query="?eval=perhaps"), 400, "parameter", "eval")
    refused(post(client, good, query="?name=" + "a" * 300), 400, "parameter", "name")
    refused(post(client, good, query="?format=exe"), 400, "format")
    refused(post(client, good, accept="text/html"), 406, "accept")
    refused(client.get("/v1/models/paired/translate"), 405, "method")
    refused(client.get("/nothing"), 404, "not_found")
    refused(client.get("/v1/models/<b>"), 404, "unknown_model")


def test_what_is_too_large_is_refused_before_it_is_decoded(client: Any) -> None:
    refused(post(client, bomb(100_000, 100_000)), 413, "too_many_pixels", "100000 x 100000")
    refused(post(client, bomb(257, 256), "cycle"), 413, "too_many_pixels", "65536 pixels (--max_pixels)")
    refused(post(client, file_of(noise(2000, 1))), 413, "too_many_pixels", "enlarged for this model to 2048 x 128")
    tiff = tiff_of_one_tile((64, 64), (60_000, 60_000))
    refused(post(client, tiff, content_type="image/tiff"), 413, "too_many_pixels", "tiles of 60000 x 60000")
    refused(post(client, bytes(200_001)), 413, "too_many_bytes", "200001 bytes")
    streamed = client.post("/v1/models/paired/translate", content=in_parts(bytes(150_000), bytes(150_000)), headers=PNG)
    refused(streamed, 413, "too_many_bytes", "more than 200000 bytes")


def test_forms(client: Any) -> None:
    def form(**files: Any) -> Any:
        return client.post("/v1/models/paired/translate", files=files)

    assert form(image=("a.png", file_of(noise()))).status_code == 200
    refused(form(image=("a.png", b"")), 400, "empty_body")
    refused(form(image=("a.png", bytes(200_001))), 413, "too_many_bytes")
    refused(form(one=("a", b"1"), two=("b", b"2")), 400, "form")
    broken = {"content-type": "multipart/form-data"}
    refused(client.post("/v1/models/paired/translate", content=b"--x", headers=broken), 400, "form")
    refused(client.post("/v1/models/paired/translate", data={"a": "b"}, files={}, headers={}), 415, "media_type")


def test_models_and_limits_are_listed(client: Any, runs: list[str]) -> None:
    content = client.get("/v1/models").json()
    assert content["limits"] == {"max_bytes": 200_000, "max_pixels": 65536, "timeout": 20, "queue": 4}
    paired, cycle, labels = content["models"]
    assert [each["name"] for each in content["models"]] == ["paired", "cycle", "labels"]
    assert paired["directions"][0]["multiple"] == 128
    assert [each["direction"] for each in cycle["directions"]] == ["AtoB", "BtoA"]
    assert labels["directions"][0]["input"]["palette"] == [list(colour) for colour in PALETTE]
    assert client.get("/v1/models/cycle").json() == cycle
    assert str(Path(runs[0]).parent) not in json.dumps(content)  # folders are nobody's business
    assert client.get("/health").json() == {"status": "ok", "receiving": 0, "unfinished": 0, "queue": 4}
    assert client.get("/ready").status_code == 200


def test_the_document_of_the_api_is_whole(client: Any) -> None:
    api = client.get("/openapi.json").json()
    post = api["paths"]["/v1/models/{model}/translate"]["post"]
    statuses = {"200", "400", "403", "404", "406", "408", "413", "415", "421", "422", "500", "503", "504"}
    assert set(post["responses"]) == statuses
    assert {"image/png", "multipart/form-data"} <= set(post["requestBody"]["content"])
    assert "200000 bytes and 65536 pixels" in post["requestBody"]["description"]
    assert set(post["responses"]["200"]["content"]) == {"image/png", "image/jpeg", "image/webp", "image/tiff"}
    for status in statuses - {"200"}:
        content = post["responses"][status]["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/ProblemBody"}
        assert content["example"]["reason"]
    assert {"name", "direction", "eval", "format", "model"} == {each["name"] for each in post["parameters"]}
    assert "HTTPValidationError" not in api["components"]["schemas"]
    page = client.get("/docs").text
    assert "/v1/models/{model}/translate" in page
    assert "<script" not in page


def test_every_answer_has_the_headers_of_a_careful_server(client: Any) -> None:
    for response in (client.get("/"), client.get("/nothing"), post(client, file_of(noise()))):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert "unsafe" not in response.headers["content-security-policy"]
        assert not {"set-cookie", "access-control-allow-origin"} & set(response.headers)


def test_other_names_and_pages_of_others_are_refused(client: Any, service: Service) -> None:
    for host in ("evil.example", "localhost.evil.example", "", "127.0.0.1@evil.example", "[::1", "a:b:c"):
        refused(client.get("/health", headers={"host": host}), 421, "host")
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1:8000", "[::1]:80"):
        assert client.get("/health", headers={"host": host}).status_code == 200
    good = file_of(noise())
    refused(post(client, good, origin="https://evil.example"), 403, "origin")
    for origin in ("null", "http://[x", "//"):
        refused(post(client, good, origin=origin), 403, "origin")
    assert post(client, good, origin="http://localhost:8000").status_code == 200
    friend = "https://friend.example"
    open_to_one = Client(create_app(service, Access(LOOPBACK, (friend,))))
    named = Client(create_app(service, Access(("Images.Example.ORG",))))
    assert named.get("/health", headers={"host": "images.example.org"}).status_code == 200
    response = post(open_to_one, good, origin=friend)
    assert response.headers["access-control-allow-origin"] == friend
    refused(post(open_to_one, good, origin="https://evil.example"), 403, "origin")
    asked = {
        "origin": friend,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    address = "/v1/models/paired/translate"
    assert open_to_one.options(address, headers=asked).headers["access-control-allow-origin"] == friend
    assert "access-control-allow-origin" not in client.options(address, headers=asked).headers


def test_an_unexpected_error_is_told_by_its_id_alone(
    client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("pixlate.inference.serving.service.translate", fails)
    response = post(client, file_of(noise()))
    refused(response, 500, "internal", response.json()["id"])
    assert "secret" not in response.text
    assert response.json()["id"] in caplog.text
    assert "ZeroDivisionError: secret" in caplog.text


FILES = [file_of(noise(9, 7), kind) for kind in ("PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "PPM", "JPEG2000")]
LATIN = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=60)
FORM = "multipart/form-data"
MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(
    content=st.sampled_from(FILES) | st.binary(max_size=600),
    changes=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8),
    end=st.integers(0, 10**4),
)
def test_any_content_is_answered_with_an_image_or_a_reason(
    client: Any, content: bytes, changes: list[tuple[int, int]], end: int
) -> None:
    damaged = bytearray(content)
    for place, value in changes:
        if damaged:
            damaged[place % len(damaged)] = value
    response = post(client, bytes(damaged[:end]), "cycle")
    if response.status_code != 200:
        assert response.status_code in (400, 413, 422), response.text
        refused(response, response.status_code, response.json()["error"])


@MANY
@given(
    headers=st.fixed_dictionaries(
        {},
        optional={
            "accept": LATIN,
            "content-type": LATIN
            | st.sampled_from(["image/png", "multipart/form-data", "multipart/form-data;boundary=a"]),
            "content-disposition": LATIN | LATIN.map(lambda text: f"attachment; filename*=UTF-8''{text}"),
            "host": LATIN,
            "origin": LATIN,
        },
    ),
    query=st.dictionaries(st.sampled_from(["direction", "eval", "format", "name", "other"]), st.text(max_size=30)),
    model=st.text(max_size=20) | st.sampled_from(["cycle", "../cycle", "%2e%2e/cycle"]),
)
def test_any_request_is_answered(client: Any, headers: dict[str, str], query: dict[str, str], model: str) -> None:
    address = f"/v1/models/{quote(model.encode(errors='replace'))}/translate"
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    parameters = {name: value.encode(errors="replace") for name, value in query.items()}
    response = client.post(address, params=parameters, headers=encoded, content=FILES[0])
    if response.status_code != 200:
        assert 400 <= response.status_code < 500, (response.status_code, response.text)
        assert response.json()["reason"]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_a_lack_of_memory_is_said(client: Any, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(pixlate.Translator, "tensor", fails)
    refused(post(client, file_of(noise())), 413, "too_many_pixels", "not enough memory")


def test_no_file_stays_in_the_servers_folder(client: Any, service: Service) -> None:
    post(client, file_of(noise()))
    post(client, b"nonsense")
    assert list(Path(service._folder.name).iterdir()) == []


def test_names_of_folders_are_escaped_and_told_apart(tmp_path: Path, runs: list[str]) -> None:
    odd = tmp_path / "<img src=x onerror=alert(1)>"
    Path(runs[1]).rename(odd)
    try:
        models = load_models(pixlate.get_plugins(), [str(odd), str(odd)], epoch="latest", device="cpu")
        assert list(models) == [odd.name, f"{odd.name}-2"]
        with Service(models, LIMITS) as service:
            client = Client(create_app(service, Access()))
            assert "<img src=x" not in client.get("/").text
            assert client.get("/v1/models").json()["models"][0]["name"] == odd.name
    finally:
        odd.rename(runs[1])


def test_a_model_that_needs_more_than_an_image_is_refused(runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise KeyError("target")

    monkeypatch.setattr(pixlate.Translator, "tensor", fails)
    with pytest.raises(CheckpointError, match=r"cycle' does not translate an image alone \('target'\)"):
        load_models(pixlate.get_plugins(), runs[1:2], epoch="latest", device="cpu")


def test_a_limit_below_the_smallest_image_is_refused(service: Service) -> None:
    with pytest.raises(OptionError, match="at least 128 x 128"):
        require_room(service.models, Limits(max_pixels=10_000))
