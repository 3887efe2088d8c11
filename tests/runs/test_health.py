"""The health monitor: what is measured, when it warns, and that the training is the same with it and without it."""

import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from fakes import make_run, progress
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from trainings import CYCLE_GAN, KILL_AT, PIX2PIX, differences, make_images, train

import pixlate
from pixlate.plugins import HealthWarning, Sample
from pixlate.runs.health import statistics
from pixlate.runs.health.rules import MEMORY, RULES, warnings_of
from pixlate.runs.health_monitor import FILE, HealthMonitor

Images = Mapping[str, Tensor]
GOOD = {
    **{"nonfinite": 0.0, "d_loss": 0.6, "variety": 1.0, "translated": 1.0, "brightness": 0.8},
    **{"colour_gap": 0.03, "checkerboard": 1.5, "gradient": 1e-3, "hidden_signal": 1.1},
}


def scene(seed: int, size: int = 64, channels: int = 3) -> Tensor:
    """A smooth random image with some noise, 1×C×H×W."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, channels, 8, 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic")
    return (0.4 * smooth + 0.03 * torch.randn(1, channels, size, size, generator=generator)).clamp(-1, 1)


def samples(count: int = 5, fake: Any = None, **options: Any) -> list[Images]:
    """Pairs whose outputs are nearly the ground truth, or what `fake` makes of input and ground truth."""
    pairs = [(scene(i, **options), scene(100 + i, **options)) for i in range(count)]
    make = fake or (lambda given, real: (0.9 * real + 0.02 * scene(7, **options)).clamp(-1, 1))
    return [{"real_A": given, "fake_B": make(given, real), "real_B": real} for given, real in pairs]


class TestStatistics:
    @pytest.mark.parametrize("channels", [1, 3])
    def test_of_good_outputs(self, channels: int) -> None:
        good = samples(channels=channels)
        assert statistics.nonfinite_share(good) == 0
        assert 0.6 < _known(statistics.variety(good)) < 1.5
        assert _known(statistics.translated_share(good, paired=True)) > 0.8
        assert _known(statistics.brightness_correlation(good, paired=True)) > 0.9
        assert _known(statistics.colour_gap(good)) < 0.05
        assert _known(statistics.checkerboard(good)) < 2

    def test_of_outputs_that_are_no_numbers(self) -> None:
        broken = samples(fake=lambda given, real: torch.where(given > 0, float("nan"), real))
        assert 0.2 < _known(statistics.nonfinite_share(broken)) < 0.8
        for measure in (statistics.variety, statistics.colour_gap, statistics.checkerboard):
            measure(broken)  # no error

    def test_of_outputs_that_are_alike(self) -> None:
        assert _known(statistics.variety(samples(fake=lambda given, real: scene(1) + 0.01 * real))) < 0.05
        assert statistics.variety(samples(2)) is None

    def test_of_outputs_that_are_their_inputs(self) -> None:
        same = samples(fake=lambda given, real: given)
        assert statistics.translated_share(same, paired=True) == 0
        assert statistics.translated_share(same, paired=False) in (None, 0)

    def test_of_inverted_outputs(self) -> None:
        inverted = samples(fake=lambda given, real: -real)
        assert _known(statistics.brightness_correlation(inverted, paired=True)) == pytest.approx(-1, abs=1e-3)
        negative = samples(fake=lambda given, real: -given)
        assert _known(statistics.brightness_correlation(negative, paired=False)) == pytest.approx(-1, abs=1e-3)

    def test_of_outputs_of_one_colour(self) -> None:
        flat = samples(fake=lambda given, real: torch.full_like(real, 0.9))
        assert _known(statistics.colour_gap(flat)) > 0.3
        assert statistics.brightness_correlation(flat, paired=True) is None

    @pytest.mark.parametrize("period", [2, 4])
    @pytest.mark.parametrize("both", [True, False])
    def test_of_a_pattern_of_pixels(self, period: int, both: bool) -> None:
        y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
        pattern = torch.cos(2 * math.pi * x / period) * (torch.cos(2 * math.pi * y / period) if both else 1)
        marked = samples(fake=lambda given, real: real + 0.1 * pattern)
        assert _known(statistics.checkerboard(marked)) > 10

    def test_of_losses(self) -> None:
        losses = [{"D_real": 0.2, "D_fake": 0.3, "G_GAN": 9.0}, {"D_real": 0.1, "D_fake": 0.2, "G_GAN": 9.0}]
        assert _known(statistics.discriminator_loss(losses, "lsgan")) == pytest.approx(0.2 / 0.25)
        assert _known(statistics.discriminator_loss(losses, "vanilla")) == pytest.approx(0.2 / math.log(2))
        assert statistics.discriminator_loss(losses, "wgangp") is None
        assert statistics.discriminator_loss([{"G_L1": 1.0}], "lsgan") is None
        assert statistics.discriminator_loss([{"D_A": math.nan}], "lsgan") is None

    def test_of_gradients(self) -> None:
        weights = [torch.nn.Parameter(torch.ones(4)), torch.nn.Parameter(torch.ones(2))]
        sizes = 1e-3, 1e-9
        optimizers = [torch.optim.Adam([each], betas=(0.5, 0.0)) for each in weights]
        assert statistics.gradient_size(optimizers) is None  # no step yet
        for each, size, optimizer in zip(weights, sizes, optimizers, strict=True):
            each.grad = torch.full_like(each, size)
            optimizer.step()
        assert _known(statistics.gradient_size(optimizers)) == pytest.approx(1e-9, rel=1e-3)
        assert statistics.gradient_size([torch.optim.SGD([weights[0]], lr=1)]) is None

    @pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
    def test_of_reconstructions(self, direction: str) -> None:
        """One model hides its input in the lowest levels of the output, the other does not."""
        found = {}
        for kind in ("hiding", "open"):
            model = pixlate.create_model("cycle_gan", netG="resnet_6blocks", ngf=1, ndf=1, direction=direction)
            hides = kind == "hiding"
            model.translation = lambda batch, hides=hides: _cycle(batch, hides)  # type: ignore[method-assign]
            batch = {"A": scene(0), "B": scene(1), "A_paths": ["a"], "B_paths": ["b"]}
            found[kind] = _known(statistics.hidden_signal(model, [model.translate(batch)]))
        assert found["open"] < 1.3
        assert found["hiding"] > 5

    def test_nothing_is_said_of_models_with_other_images(self) -> None:
        others: list[Images] = [{"input": scene(0), "output": scene(1)}] * 5
        found = [
            statistics.nonfinite_share(others),
            statistics.variety(others),
            statistics.translated_share(others, paired=True),
            statistics.brightness_correlation(others, paired=False),
            statistics.colour_gap(others),
            statistics.checkerboard(others),
        ]
        assert found == [None] * 6


def _cycle(batch: Mapping[str, Any], hides: bool) -> dict[str, Tensor]:
    """CycleGAN's images, with an output that has no sign of the input but its lowest levels, or none at all."""

    def back(image: Tensor) -> Tensor:
        return ((image - 0.2) * 100).clamp(-1, 1) if hides else torch.full_like(image, 0.1)

    fake_B = 0.2 + batch["A"] / 100 if hides else torch.full_like(batch["A"], 0.2)
    images = {"real_A": batch["A"], "fake_B": fake_B, "rec_A": back(fake_B)}
    return images | ({"real_B": batch["B"], "fake_A": back(batch["B"])} if "B" in batch else {})


def _known(value: float | None) -> float:
    assert value is not None
    return value


class TestRules:
    def test_a_good_history_gives_no_warning(self) -> None:
        assert warnings_of([GOOD] * MEMORY) == []
        assert warnings_of([]) == warnings_of([{}] * MEMORY) == []

    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
    def test_a_statistic_beyond_its_limit_is_a_warning_once_it_lasts(self, rule: Any) -> None:
        step = 0.01 * abs(rule.limit) or 0.01
        beyond = {**GOOD, rule.statistic: rule.limit + (step if rule.is_bad == "above" else -step)}
        within = {**GOOD, rule.statistic: rule.limit - (step if rule.is_bad == "above" else -step)}
        for count in range(rule.checks):
            assert warnings_of([GOOD, *[beyond] * count]) == []
        (warning,) = warnings_of([GOOD, *[beyond] * rule.checks])
        assert warning.kind == rule.kind
        assert "{" not in warning.text
        assert warnings_of([*[beyond] * rule.checks, within]) == []

    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
    def test_advice_names_options_that_exist(self, rule: Any) -> None:
        from pixlate import get_plugins
        from pixlate.options.command.resolve import resolve

        known: set[str] = set()
        for model in ("pix2pix", "cycle_gan"):
            known |= resolve("train", ["--model", model], get_plugins()).values.keys()
        named = [word.strip(".,;:()").removeprefix("--") for word in rule.advice.split() if "--" in word]
        assert named
        assert set(named) <= known


class _Recorded:
    """Events that keep what they are called with."""

    def __init__(self) -> None:
        self.warnings: list[Sequence[HealthWarning]] = []

    def __call__(self, hook: str, **arguments: Any) -> None:
        assert hook == "health_checked"
        self.warnings.append(arguments["warnings"])


def check(monitor: HealthMonitor, at: int, images: Sequence[Images]) -> None:
    held_out = [Sample("val", str(i), each) for i, each in enumerate(images)]
    monitor.check(progress(1, at), images[0], held_out)


class TestMonitor:
    def test_a_warning_is_logged_when_it_appears_and_told_at_each_check(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        events = _Recorded()
        monitor = HealthMonitor(make_run(tmp_path), events, paired=True)  # type: ignore[arg-type]
        broken = samples(fake=lambda given, real: torch.full_like(real, float("nan")))
        with caplog.at_level(logging.WARNING, "pixlate"):
            for at, images in ((1, samples()), (2, broken), (3, broken), (4, samples()), (5, broken)):
                check(monitor, at, images)
        assert [[each.kind for each in warnings] for warnings in events.warnings] == [[], ["nan"], ["nan"], [], ["nan"]]
        assert len([message for message in caplog.messages if message.startswith("100% of the outputs' values")]) == 2

    def test_what_fails_is_said_once_and_left_out(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*arguments: Any) -> None:
            raise RuntimeError("of the plugin")

        monkeypatch.setattr(statistics, "colour_gap", fail)
        events = _Recorded()
        monitor = HealthMonitor(make_run(tmp_path), events, paired=True)  # type: ignore[arg-type]
        for at in (1, 2):
            check(monitor, at, samples())
        assert len(events.warnings) == 2
        assert [message for message in caplog.messages if "colour_gap" in message] == [
            "The health of the training is not checked for 'colour_gap': of the plugin."
        ]

    def test_without_held_out_samples_the_images_of_the_step_are_looked_at(self, tmp_path: Path) -> None:
        run = make_run(tmp_path)
        monitor = HealthMonitor(run, _Recorded(), paired=True)  # type: ignore[arg-type]
        monitor.check(progress(1, 1), samples(1)[0], [])
        run.logs.sync()
        record = json.loads((tmp_path / FILE).read_text())
        assert record["statistics"]["nonfinite"] == 0
        assert "variety" not in record["statistics"]


DAMAGED = [
    '{"images": "x", "statistics": {"variety": 1.0}}',
    '{"images": 1, "statistics": {"variety": "low"}, "warnings": 3}',
    '{"images": 1, "statistics": [1]}',
    '{"statistics": {}}\n{',
    '{"images": 1e999, "statistics": {"variety": 1}}',
]


@pytest.mark.parametrize("line", DAMAGED)
def test_a_damaged_log_is_left_out(line: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(f"{line}\n")
    (tmp_path / "losses.jsonl").write_text(line.replace("statistics", "losses") + "\n")
    sizes = {FILE: (tmp_path / FILE).stat().st_size}
    run = make_run(tmp_path, start=progress(1, 1), logs=sizes)
    events = _Recorded()
    check(HealthMonitor(run, events, paired=True), 2, samples())  # type: ignore[arg-type]
    assert [list(each) for each in events.warnings] == [[]]


@settings(deadline=None, max_examples=25)
@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=3, max_size=3),
    size=st.sampled_from([(1, 1), (4, 3), (40, 33), (64, 64)]),
    channels=st.sampled_from([1, 2, 3, 5]),
)
def test_no_image_is_an_error(values: list[float], size: tuple[int, int], channels: int) -> None:
    images: list[Images] = [
        {name: torch.full((1, channels, *size), value) for name in ("real_A", "fake_B", "real_B")} for value in values
    ]
    for found in _all(images):
        assert found is None or isinstance(found, float)


def _all(images: Sequence[Images]) -> Iterator[float | None]:
    yield statistics.nonfinite_share(images)
    yield statistics.variety(images)
    yield statistics.colour_gap(images)
    yield statistics.checkerboard(images)
    for paired in (True, False):
        yield statistics.translated_share(images, paired=paired)
        yield statistics.brightness_correlation(images, paired=paired)


BROKEN = """
import torch
from pixlate.runs.training import Trainer
end_step = Trainer.end_step
def breaking(self, *step):
    with torch.no_grad():
        for weight in self.model.networks["G"].parameters():
            weight.fill_(float("nan"))
    return end_step(self, *step)
Trainer.end_step = breaking
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("health")
    make_images(root / "images")
    return root


class TestTrainings:
    @pytest.mark.parametrize("case", [PIX2PIX, CYCLE_GAN], ids=["pix2pix", "cycle_gan"])
    def test_it_changes_nothing_and_is_resumed(self, folder: Path, case: tuple[str, ...]) -> None:
        with_it, without, killed = (folder / f"{case[1]} {name}" for name in ("with", "without", "killed"))
        train(with_it, *case)
        train(without, *case, "--no_health")
        assert not (without / "run" / FILE).exists()
        assert differences(with_it / "run", without / "run") == []
        train(killed, *case, before=KILL_AT.format(images=14), expect=-9)
        train(killed, *case, "--continue_train")
        lines = [(each / "run" / FILE).read_text().splitlines() for each in (with_it, killed)]
        assert len(lines[0]) >= 2
        assert lines[0] == lines[1]

    def test_a_broken_model_is_said(self, folder: Path) -> None:
        broken = train(folder / "broken", *PIX2PIX, before=BROKEN, expect=1)
        assert "100% of the outputs' values are not finite: the model is broken." in broken.output
