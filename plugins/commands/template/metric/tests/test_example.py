"""The plugin is installed, and its metric has the values that it should have."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pixlate import get_plugins
from pixlate.__main__ import main
from pixlate.metrics import MetricContext

SMALL = "--netG resnet_6blocks --ngf 2 --ndf 2 --load_size 36 --crop_size 32 --num_threads 0 --display_id 0"


def test_the_plugin_is_installed() -> None:
    (info,) = [info for info in get_plugins().infos if info.name == "example"]
    assert info.status == "loaded", info.reason


def test_values_by_hand() -> None:
    metric = get_plugins().registry("metric").get("example").load()(MetricContext())
    real = torch.zeros(2, 3, 2, 2)
    fake = real.clone()
    fake[1, 0, 0, 0] = 0.5  # one pixel of four, in one channel, by a quarter of the range
    metric.add(fake, real)
    assert metric.result().per_image == (1.0, 0.75)


def test_it_measures_a_run(
    tiny_dataset: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    data = tiny_dataset("aligned", size=40)
    for words in (
        f"train --model pix2pix --dataroot {data} --name run {SMALL} --device cpu --n_epochs 1 --n_epochs_decay 0",
        "evaluate run --metric example --phase train --json out.json",
    ):
        with pytest.raises(SystemExit) as ended:
            main(words.split())
        assert ended.value.code == 0
    (run,) = json.loads(Path("out.json").read_text())["runs"]
    assert 0 <= run["metrics"]["example"]["value"] <= 1
