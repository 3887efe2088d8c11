"""TensorBoard files, read back with its own reader."""

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fakes import images_by_label, make_run, progress
from PIL import Image

from pixlate.errors import OptionError
from pixlate.plugins.run import HealthWarning, Sample
from pixlate.plugins.viewers.plugin import TensorBoardOptions
from pixlate.plugins.viewers.tensorboard_viewer import TensorBoardViewer

pytest.importorskip("tensorboard")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorBoard's own


def read(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0, "images": 0}).Reload()


def test_scalars_and_images_come_back(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = TensorBoardViewer(TensorBoardOptions(tensorboard=True))
    viewer.run_started(run)
    for images in (100, 200):
        viewer.losses_logged(run, progress(1, images), {"G_L1": images / 8})
    viewer.metrics_measured(run, progress(1, 400), {"SSIM": 0.5})
    viewer.images_shown(run, progress(1, 400), images_by_label(value=1.0))
    viewer.samples_shown(run, progress(1, 400), [Sample("val", "a", images_by_label("fake_B"))])
    viewer.epoch_ended(run, progress(1, 400))
    viewer.run_finished(run, None)
    events = read(tmp_path)
    assert [(event.step, event.value) for event in events.Scalars("loss/G_L1")] == [(100, 12.5), (200, 25.0)]
    assert events.Scalars("metrics/SSIM")[0].value == 0.5
    [event] = events.Images("images/fake_B")
    assert event.step == 400
    with Image.open(BytesIO(event.encoded_image_string)) as image:
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert events.Images("held-out/val a/fake_B")


def test_learning_rates_options_and_warnings_come_back(tmp_path: Path) -> None:
    run = make_run(tmp_path, lambda_L1=100.0, preview=("a.png",), max_dataset_size=None)
    viewer = TensorBoardViewer(TensorBoardOptions(tensorboard=True))
    viewer.run_started(run)
    viewer.losses_logged(run, progress(1, 100), {"G_L1": 1.0})
    viewer.health_checked(run, progress(1, 100), [])
    for images, value in ((200, 0.5), (400, 0.25)):
        viewer.metrics_measured(run, progress(1, images), {"val_l1": value})
    viewer.health_checked(run, progress(1, 400), [HealthWarning("collapse", "All are alike.", "Lower --lr_G.")])
    viewer.run_finished(run, None)
    events = read(tmp_path)
    assert [event.value for event in events.Scalars("learning_rate/G")] == [pytest.approx(0.0002)]
    assert [event.value for event in events.Scalars("metrics/val_l1")] == [0.5, 0.25]
    [text] = events.Tensors("health/text_summary")
    assert text.step == 400
    assert text.tensor_proto.string_val == [b"- **collapse**: All are alike. Lower --lr_G."]
    summaries = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert all(part in summaries for part in (b"lambda_L1", b"('a.png',)", b"None", b"pix2pix"))
    assert b"metrics/val_l1" in events.SummaryMetadata("_hparams_/experiment").plugin_data.content


def test_a_resumed_run_replaces_events_after_the_checkpoint(tmp_path: Path) -> None:
    for start, value in ((0, 1.0), (200, 2.0)):
        run = make_run(tmp_path, start=progress(1, start))
        viewer = TensorBoardViewer(TensorBoardOptions(tensorboard=True))
        viewer.run_started(run)
        for images in range(start + 100, 401, 100):
            viewer.losses_logged(run, progress(1, images), {"G_L1": value})
        viewer.run_finished(run, None)
    events = read(tmp_path).Scalars("loss/G_L1")
    assert [(event.step, event.value) for event in events] == [(100, 1.0), (200, 1.0), (300, 2.0), (400, 2.0)]


def test_it_is_off_by_default(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    viewer = TensorBoardViewer(TensorBoardOptions())
    viewer.run_started(run)
    viewer.losses_logged(run, progress(1, 1), {"G_L1": 1.0})
    viewer.images_shown(run, progress(1, 1), images_by_label())
    viewer.run_finished(run, None)
    assert not (tmp_path / "tensorboard").exists()


def test_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixlate.plugins.viewers.tensorboard_viewer.find_spec", lambda name: None)
    with pytest.raises(OptionError, match=r"pip install 'pixlate\[tensorboard\]'"):
        TensorBoardViewer(TensorBoardOptions(tensorboard=True))
    TensorBoardViewer(TensorBoardOptions())
