"""Exports to ONNX: written by the command, read by `pixlate.load`, and other files refused."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored_runs import write_run
from test_translator import cycle_gan_run, noise_image, save_generator

import pixlate
from pixlate.__main__ import run_command
from pixlate.errors import CheckpointError, DataError, OptionError, PixlateError
from pixlate.plugins import Field

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator with batch norm, and exports of it: plain and with its processing, both with running statistics."""
    folder = tmp_path_factory.mktemp("onnx")
    save_generator(folder, "resnet_6blocks", norm="batch")
    common = ["export", str(folder / "latest_net_G.pth"), "--to", "onnx", "--norm_statistics", "running"]
    run_command([*common, "-o", str(folder / "plain.onnx"), "--license", "CC0", "--data_origin", "drawn"])
    run_command([*common, "-o", str(folder / "pixels.onnx"), "--with_processing"])
    return folder


@pytest.mark.parametrize("name", ["plain.onnx", "pixels.onnx"])
def test_an_export_translates_as_the_run(name: str, files: Path) -> None:
    run, export = (
        pixlate.load(files / "latest_net_G.pth", device="cpu", running_statistics=True),
        pixlate.load(files / name),
    )
    for size in ((32, 32), (37, 90), (1, 1)):
        expected, found = (np.asarray(translate(noise_image(*size))).astype(int) for translate in (run, export))
        assert expected.shape == found.shape
        assert np.abs(expected - found).max() <= 1
    tensor = torch.rand(2, 3, 20, 24) * 2 - 1
    assert float((run(tensor) - export(tensor)).abs().max()) < (0.02 if name == "pixels.onnx" else 1e-4)


def test_threads_do_not_disturb_each_other(files: Path) -> None:
    export, images = pixlate.load(files / "plain.onnx"), [noise_image(20 + 4 * i, 24) for i in range(8)]
    alone = [np.asarray(export(image)) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(export, images))
    assert all(np.array_equal(one, np.asarray(other)) for one, other in zip(alone, together, strict=True))


def test_what_an_export_says_of_itself(files: Path) -> None:
    texts = {entry.key: entry.value for entry in onnx.load(files / "plain.onnx").metadata_props}
    expected = {
        "license": "CC0", "data_origin": "drawn", "layout": "NCHW", "value_range": "-1 to 1", "size_multiple": "4",
        "norm_statistics": "running", "dropout": "off", "output_scale": "1", "precision": "fp32",
    }  # fmt: skip
    assert expected.items() <= texts.items()
    assert json.loads(texts["verification"])["largest_difference"] < 0.01
    translate = pixlate.load(files / "plain.onnx")
    assert (translate.origin.license, translate.origin.data_origin) == ("CC0", "drawn")
    assert translate.engine.digest == pixlate.load(files / "latest_net_G.pth", device="cpu").engine.digest
    assert "as ONNX" in repr(translate)
    assert str(Path(__file__).parents[2]).encode() not in (files / "plain.onnx").read_bytes()


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_lower_precisions_are_measured(
    precision: str, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "images").mkdir()
    for number, size in enumerate(((40, 32), (32, 48), (33, 35))):
        noise_image(*size).save(tmp_path / "images" / f"{number}.png")
    target = ["--to", "onnx", "-o", str(tmp_path / "g.onnx"), "--images", str(tmp_path / "images")]
    run_command(["export", str(files / "latest_net_G.pth"), *target, "--precision", precision, "--with_processing"])
    assert re.search(
        rf"weights, {precision}\n(.*\n)*.*largest .*, mean .* of 255 levels, PSNR", capsys.readouterr().out
    )
    texts = {entry.key: entry.value for entry in onnx.load(tmp_path / "g.onnx").metadata_props}
    assert texts["precision"] == precision
    assert json.loads(texts["verification"])["images"] == "images of 'images'"
    if precision == "fp16":  # of a network of this size, the scales of int8 take more than the weights
        assert (tmp_path / "g.onnx").stat().st_size < (files / "pixels.onnx").stat().st_size
    run, export = (pixlate.load(path, device="cpu") for path in (files / "latest_net_G.pth", tmp_path / "g.onnx"))
    difference = np.abs(np.asarray(run(noise_image(40, 32))).astype(int) - np.asarray(export(noise_image(40, 32))))
    assert difference.mean() < (0.2 if precision == "fp16" else 6)


def test_direction_and_statistics_were_chosen_at_the_export(files: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="AtoB alone"):
        pixlate.load(files / "plain.onnx", direction="BtoA")
    run = cycle_gan_run(tmp_path / "run")
    arguments = ["export", str(run), "--to", "onnx", "--direction", "BtoA", "-o", str(tmp_path / "back.onnx")]
    run_command(arguments)
    export = pixlate.load(tmp_path / "back.onnx", running_statistics=True)  # there is no batch norm to choose of
    image = noise_image(20, 20)
    back = pixlate.load(run, direction="BtoA", device="cpu")
    assert export.origin.direction == "BtoA"
    assert np.abs(np.asarray(export(image)).astype(int) - np.asarray(back(image))).max() <= 1
    with pytest.raises(OptionError, match="is not one that this ONNX Runtime has"):
        pixlate.load(tmp_path / "back.onnx", device="mps")


def test_further_inputs_have_names(tmp_path: Path) -> None:
    fields = {"A": Field(), "B": Field(), "mask": Field("mask")}
    options = {"netG": "resnet_6blocks", "norm": "batch", "ngf": 2, "composite": True}
    run = write_run(tmp_path, "run", options)
    stored = json.loads((run / "options.json").read_text())
    stored["fields"] = {name: field.to_json() for name, field in fields.items()}
    (run / "options.json").write_text(json.dumps(stored))
    model = pixlate.create_model("pix2pix", train=False, fields=fields, **options)
    torch.save(model.networks["G"].state_dict(), run / "latest_net_G.pth")
    run_command(["export", str(run), "--to", "onnx", "-o", str(tmp_path / "g.onnx"), "--norm_statistics", "running"])
    export, image, mask = pixlate.load(tmp_path / "g.onnx"), noise_image(21, 30), noise_image(21, 30, "L")
    expected = pixlate.load(run, running_statistics=True, device="cpu")(image, mask=mask)
    assert np.abs(np.asarray(export(image, mask=mask)).astype(int) - np.asarray(expected)).max() <= 1
    with pytest.raises(DataError, match=r"needs 'mask' beside the image: translate\(image, mask=…\)"):
        export(image)


def changed(files: Path, tmp_path: Path, change: Callable[[Any], None]) -> Path:
    """The plain export after a change of its content."""
    model = onnx.load(files / "plain.onnx")
    change(model)
    path = tmp_path / "changed.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def use_other_file(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    tensor.ClearField("raw_data")


def use_other_file_in_a_branch(model: Any) -> None:
    """A graph without operators, whose output is a tensor of another file."""
    branch = onnx.helper.make_graph([], "branch", [], [onnx.helper.make_tensor_value_info("w", 1, [1])])
    branch.initializer.add(name="w", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    branch.initializer[0].external_data.add(key="location", value="other.bin")
    node = onnx.helper.make_node("If", ["condition"], ["w2"], then_branch=branch, else_branch=branch)
    model.graph.node.append(node)


def use_own_operator(model: Any) -> None:
    model.graph.node[0].domain = "com.microsoft"


def use_function(model: Any) -> None:
    model.functions.add(name="Own", domain="")


def forget_facts(model: Any) -> None:
    del model.metadata_props[:]


def claim_size(model: Any) -> None:
    next(entry for entry in model.metadata_props if entry.key == "size_multiple").value = "9" * 20


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (use_other_file, "weights in other files"),
        (use_other_file_in_a_branch, "weights in other files"),
        (use_own_operator, "not of the ONNX standard: com.microsoft"),
        (use_function, "functions of its own"),
        (forget_facts, "was not written by pixlate export"),
        (claim_size, "out of range"),
    ],
)
def test_other_onnx_files_are_refused(change: Callable[[Any], None], why: str, files: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=why):
        pixlate.load(changed(files, tmp_path, change))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_are_a_sentence(data: st.DataObject, files: Path, tmp_path: Path) -> None:
    content = bytearray((files / "plain.onnx").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(4000, len(content) - 1)))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2, 0]))])
    try:
        pixlate.load(path)(noise_image(8, 8))
    except PixlateError as error:
        assert "\n" not in str(error)  # noqa: PT017  # other content may be usable


def test_an_export_that_fails_leaves_nothing(tmp_path: Path) -> None:
    network = save_generator(tmp_path, "resnet_6blocks")
    (tmp_path / "out").mkdir()
    arguments = ["export", str(network), "--to", "onnx", "-o", str(tmp_path / "out" / "g.onnx"), "--tolerance", "0"]
    with pytest.raises(DataError, match="nothing is written"):
        run_command(arguments)
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(DataError, match="there is no folder"):
        run_command([*arguments[:4], "-o", str(tmp_path / "none" / "g.onnx")])
    with pytest.raises(DataError, match="there is no folder"):
        run_command([*arguments[:6], "--images", str(tmp_path / "none")])
