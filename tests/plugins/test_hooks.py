"""Every hook: its arguments and its moment, in a real training; and that one that fails does not affect the others."""

import contextlib
import importlib
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fakes import make_run, progress

import pixlate
from pixlate import forget_plugins, get_plugins
from pixlate.__main__ import main as pixlate_command
from pixlate.entry import messages_on_console
from pixlate.metrics import MetricContext
from pixlate.models import BaseModel
from pixlate.options.command.resolve import resolve
from pixlate.plugins import Field, HealthWarning, Progress, Run, Sample, hookspecs
from pixlate.plugins.testing import install_plugin, write_images
from pixlate.runs.events import Events
from pixlate.runs.inference_run import InferenceRun
from pixlate.runs.results.gallery import Gallery
from pixlate.runs.results.result_page import ResultPage
from pixlate.runs.training import Trainer
from pixlate.train import main, train

Install = Callable[..., Path]
HOOKS = [name for name, item in vars(hookspecs).items() if hasattr(item, "pixlate_spec")]
EVENTS = HOOKS[HOOKS.index("run_started") :]
IMAGES = 4
EPOCHS = 2
SMALL = (
    "--model pix2pix --netG resnet_6blocks --ngf 2 --ndf 2 --load_size 36 --crop_size 32 --num_threads 0 --device cpu "
    f"--n_epochs {EPOCHS} --n_epochs_decay 0 --print_freq 2 --display_freq 4 --save_epoch_freq 1 --display_id 0 "
    "--no_html --name trial"
)
RECORDER = """
    from pixlate.plugins import hookimpl

    EVENTS = []
"""
for _hook in EVENTS:
    _arguments = [name for name in getattr(hookspecs, _hook).__annotations__ if name != "return"]
    RECORDER += f"""
    @hookimpl
    def {_hook}({", ".join(_arguments)}):
        EVENTS.append(("{_hook}", dict({", ".join(f"{name}={name}" for name in _arguments)})))
    """
FAILING = """
    from pixlate.plugins import hookimpl

    CALLS = []

    @hookimpl
    def {hook}():
        CALLS.append("{hook}")
        raise {error}("no server")

    @hookimpl
    def run_finished():
        CALLS.append("run_finished")
"""


class Trained(SimpleNamespace):
    """The record of one training: `events` in order, `lines` of stderr, calls of the `failing` plugins."""

    events: list[tuple[str, dict[str, Any]]]
    lines: list[str]
    failing: dict[str, list[str]]
    error: BaseException | None

    def calls(self, hook: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in self.events if name == hook]


def train_once(folder: Path) -> Trained:
    """A real training, with a plugin that records every event, and for every event one that fails in it."""
    site = install_plugin(folder / "site", RECORDER, entry="recorder")
    hooks = [
        hook for hook in EVENTS if hook not in ("run_finished", "metrics_measured", "health_checked", "translated")
    ]
    for number, hook in enumerate(hooks):
        error = "SystemExit" if number == 0 else "OSError"
        install_plugin(site, FAILING.format(hook=hook, error=error), entry=f"failing_{hook}")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setenv("PIXLATE_PLUGINS", ",".join(["recorder", *(f"failing_{hook}" for hook in hooks)]))
        patch.chdir(folder)
        forget_plugins()
        dataroot = write_images(folder / "images", "aligned", size=40, count=IMAGES, phases=("train", "val"))
        error, stderr = None, io.StringIO()
        try:
            with contextlib.redirect_stderr(stderr), messages_on_console():
                plugins = get_plugins()
                train(resolve("train", [*SMALL.split(), "--dataroot", str(dataroot)], plugins), plugins)
        except BaseException as raised:
            error = raised
        recorded = importlib.import_module("pixlate_recorder").EVENTS
        calls = {hook: importlib.import_module(f"pixlate_failing_{hook}").CALLS for hook in hooks}
    forget_plugins()
    for name in [name for name in sys.modules if name.startswith(("pixlate_recorder", "pixlate_failing"))]:
        del sys.modules[name]
    return Trained(events=recorded, lines=stderr.getvalue().splitlines(), failing=calls, error=error)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A training that goes to its end."""
    training = train_once(tmp_path_factory.mktemp("trained"))
    assert training.error is None
    return training


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A training that is ended by Ctrl-C after its first step."""

    def end(trainer: Trainer, position: Progress, result: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "log_losses", end)
        yield train_once(tmp_path_factory.mktemp("interrupted"))


def fails_alone(trained: Trained, hook: str) -> None:
    """The plugin that fails in a hook is named once, never called again, and the others receive every event."""
    (line,) = [line for line in trained.lines if f"failing_{hook} of" in line]
    assert line.startswith(
        f"warning: plugin failing_{hook} of pixlate-failing_{hook} 1.0 failed in {hook} and is left out"
    )
    assert "no server" in line
    assert trained.failing[hook] == [hook]
    assert [name for name, _ in trained.events].count(hook) >= 1


def test_every_hook_has_a_test() -> None:
    for hook in HOOKS:
        assert f"test_hook_{hook}" in globals()


def test_every_failing_plugin_is_named_once(trained: Trained) -> None:
    assert len(trained.lines) == len(trained.failing)


# --- events ----------------------------------------------------------------------------------------------------


def test_hook_run_started(trained: Trained) -> None:
    """Once, before any step; the run has all its attributes."""
    assert trained.events[0][0] == "run_started"
    (arguments,) = trained.calls("run_started")
    run: Run = arguments["run"]
    assert (run.name, run.folder.name, run.command) == ("trial", "trial", "train")
    assert run.options["ngf"] == 2
    assert run.options["lambda_L1"] == 100.0
    assert isinstance(run.model, BaseModel)
    assert list(run.model.networks) == ["G", "D"]
    assert (run.n_epochs, run.epoch_size) == (EPOCHS, IMAGES)
    assert run.start == Progress(epoch=1, epoch_images=0, images=0, step=0)
    fails_alone(trained, "run_started")


def test_hook_step_started(trained: Trained) -> None:
    """Before every step, with the position of the step before."""
    positions = [(name, arguments["progress"]) for name, arguments in trained.events if name.startswith("step_")]
    assert [name for name, _ in positions] == ["step_started", "step_ended"] * EPOCHS * IMAGES
    started, ended = ([at for name, at in positions if name == hook] for hook in ("step_started", "step_ended"))
    assert started[0] == Progress()
    for before, after in zip(started, ended, strict=True):
        assert before.after(1) == after
    fails_alone(trained, "step_started")


def test_hook_step_ended(trained: Trained) -> None:
    """After every step, with the position."""
    positions = [arguments["progress"] for arguments in trained.calls("step_ended")]
    assert positions == [
        Progress(epoch, number, (epoch - 1) * IMAGES + number, (epoch - 1) * IMAGES + number)
        for epoch in range(1, EPOCHS + 1)
        for number in range(1, IMAGES + 1)
    ]
    fails_alone(trained, "step_ended")


def test_hook_losses_logged(trained: Trained) -> None:
    """Every --print_freq images, numbers in the model's order."""
    logged = trained.calls("losses_logged")
    assert [arguments["progress"].images for arguments in logged] == [2, 4, 6, 8]
    for arguments in logged:
        assert list(arguments["losses"]) == ["G_GAN", "G_L1", "D_real", "D_fake"]
        assert all(type(loss) is float for loss in arguments["losses"].values())
    fails_alone(trained, "losses_logged")


def test_hook_images_shown(trained: Trained) -> None:
    """Every --display_freq images, those of the step: N×C×H×W in [-1, 1], detached."""
    displays = trained.calls("images_shown")
    assert [arguments["progress"].images for arguments in displays] == [4, 8]
    for arguments in displays:
        assert list(arguments["images"]) == ["real_A", "fake_B", "real_B"]
        for image in arguments["images"].values():
            assert image.shape == (1, 3, 32, 32)
            assert not image.requires_grad
            assert image.abs().max() <= 1
    fails_alone(trained, "images_shown")


def test_hook_samples_shown(trained: Trained) -> None:
    """At every display and at the end: images that are not trained on."""
    displays = trained.calls("samples_shown")
    assert [arguments["progress"].images for arguments in displays] == [4, 8, 8]
    for arguments in displays:
        assert [(sample.phase, sample.name) for sample in arguments["samples"]] == [("val", f"{i}") for i in range(4)]
        for sample in arguments["samples"]:
            assert isinstance(sample, Sample)
            assert list(sample.images) == ["real_A", "fake_B", "real_B"]
            assert all(image.shape == (1, 3, 32, 32) for image in sample.images.values())
    fails_alone(trained, "samples_shown")


def test_hook_epoch_ended(trained: Trained) -> None:
    """After each epoch's last step, at that step's position."""
    ended = [arguments["progress"] for arguments in trained.calls("epoch_ended")]
    assert [(position.epoch, position.epoch_images) for position in ended] == [(1, IMAGES), (2, IMAGES)]
    fails_alone(trained, "epoch_ended")


def test_hook_metrics_measured(tmp_path: Path, installed_plugin: Install, caplog: pytest.LogCaptureFixture) -> None:
    """The metrics by name; a plugin that fails is left out."""
    installed_plugin(RECORDER, entry="recorder")
    installed_plugin(FAILING.format(hook="metrics_measured", error="ValueError"), entry="failing")
    events = Events(get_plugins(), [])
    run = make_run(tmp_path)
    for epoch in (1, 2):
        events("metrics_measured", run=run, progress=progress(epoch, 400), metrics={"SSIM": 0.5})
    recorded = importlib.import_module("pixlate_recorder").EVENTS
    assert [(name, arguments["metrics"]) for name, arguments in recorded] == [("metrics_measured", {"SSIM": 0.5})] * 2
    assert len(caplog.messages) == 1
    assert importlib.import_module("pixlate_failing").CALLS == ["metrics_measured"]


def test_hook_health_checked(tmp_path: Path, installed_plugin: Install, caplog: pytest.LogCaptureFixture) -> None:
    """The warnings; a plugin that fails is left out."""
    installed_plugin(RECORDER, entry="recorder")
    installed_plugin(FAILING.format(hook="health_checked", error="ValueError"), entry="failing")
    events = Events(get_plugins(), [])
    run = make_run(tmp_path)
    warnings = [HealthWarning("collapse", "All outputs are alike.", "Lower --lr.")]
    for epoch in (1, 2):
        events("health_checked", run=run, progress=progress(epoch, 400), warnings=warnings)
    recorded = importlib.import_module("pixlate_recorder").EVENTS
    assert [(name, arguments["warnings"]) for name, arguments in recorded] == [("health_checked", warnings)] * 2
    assert len(caplog.messages) == 1
    assert importlib.import_module("pixlate_failing").CALLS == ["health_checked"]


def test_hook_translated(tmp_path: Path, installed_plugin: Install, caplog: pytest.LogCaptureFixture) -> None:
    """In a test after every batch, between `run_started` and `run_finished`; a plugin that fails is left out."""
    installed_plugin(RECORDER, entry="recorder")
    installed_plugin(FAILING.format(hook="translated", error="ValueError"), entry="failing")
    model = pixlate.create_model("pix2pix", netG="resnet_6blocks", ngf=1, ndf=1)
    events = Events(get_plugins(), [])
    batch, images = {"A": torch.zeros(2, 3, 8, 8)}, {"fake_B": torch.zeros(2, 3, 8, 8)}
    with Gallery(tmp_path / "results", ResultPage("title")) as gallery:
        run = InferenceRun("trial", gallery, {}, model=model, epoch_size=4, data="", events=events)
        with run.finishing():
            for _ in range(2):
                run.translated(batch, images)
    recorded = importlib.import_module("pixlate_recorder").EVENTS
    assert [name for name, _ in recorded] == ["run_started", "translated", "translated", "run_finished"]
    assert recorded[1][1]["batch"] is batch
    assert recorded[2][1]["images"] is images
    assert (run.command, run.progress.images) == ("test", 4)
    assert len(caplog.messages) == 1
    assert importlib.import_module("pixlate_failing").CALLS == ["translated"]


def test_hook_checkpoint_saved(trained: Trained) -> None:
    """When files are whole on the disk, with their paths."""
    saved = trained.calls("checkpoint_saved")
    assert saved
    for arguments in saved:
        assert {"latest_net_G.pth", "latest_state.pt"} <= {path.name for path in arguments["paths"]}
    assert saved[-1]["progress"].images == EPOCHS * IMAGES
    assert any(path.name == "2_net_G.pth" for path in saved[-1]["paths"])
    fails_alone(trained, "checkpoint_saved")


def test_hook_run_finished(trained: Trained, interrupted: Trained) -> None:
    """Always and last, with what ended the run."""
    for training, error in ((trained, None), (interrupted, interrupted.error)):
        assert training.events[-1][0] == "run_finished"
        (arguments,) = training.calls("run_finished")
        assert arguments["error"] is error
    assert isinstance(interrupted.error, KeyboardInterrupt)


def test_listeners_are_called_in_a_known_order(tmp_path: Path, installed_plugin: Install) -> None:
    """Viewers, then plugins by name; those marked `tryfirst` before, `trylast` after the others."""
    order: list[str] = []
    sys.modules["pixlate_order"] = SimpleNamespace(order=order)  # type: ignore[assignment]
    for name, mark in (("a", "(trylast=True)"), ("b", ""), ("c", ""), ("d", "(tryfirst=True)")):
        installed_plugin(
            f"""
            from pixlate.plugins import hookimpl
            from pixlate_order import order

            @hookimpl{mark}
            def run_started():
                order.append("{name}")
            """,
            entry=name,
        )
    Events(get_plugins(), [])("run_started", run=make_run(tmp_path))
    assert order == ["d", "b", "c", "a"]


# --- registering -----------------------------------------------------------------------------------------------


def plugin_of(hook: str, body: str, more: str = "") -> str:
    """The source of a plugin with one hook."""
    return f"from pixlate.plugins import *\n{more}\n@hookimpl\ndef {hook}(register):\n    {body}\n"


def test_hook_register_models(installed_plugin: Install) -> None:
    source = "from pixlate.models.pix2pix import Pix2Pix\nclass Mine(Pix2Pix): pass"
    installed_plugin(plugin_of("register_models", "register('mine', Mine, defaults={'ngf': 2})", source))
    from pixlate.models.configs import Pix2PixConfig

    component = get_plugins().registry("model").get("mine")
    assert component.config is None
    assert component.defaults == {"ngf": 2}
    parent = pixlate.create_model("pix2pix", ngf=2, ndf=2)
    model = component.load()(Pix2PixConfig(), parent.shared, parent.context)
    assert isinstance(model, BaseModel)
    assert type(model).__name__ == "Mine"


def test_hook_register_datasets(installed_plugin: Install, tmp_path: Path) -> None:
    source = """
        from dataclasses import dataclass
        import torch
        from pixlate.data import BaseDataset
        from pixlate.plugins import hookimpl, option

        @dataclass(frozen=True)
        class Config:
            count: int = option(3, "how many")

        class Mine(BaseDataset[Config]):
            def __len__(self):
                return self.config.count

            def sample(self, index, rng):
                return {"A": torch.full((3, 4, 4), rng.random()), "A_paths": str(index)}

        @hookimpl
        def register_datasets(register):
            register("mine", Mine, config=Config, defaults={"crop_size": 4})
    """
    installed_plugin(source)
    dataset = pixlate.create_dataset("mine", dataroot=str(tmp_path), count=5)
    assert len(dataset) == 5
    assert dataset.shared.crop_size == 4
    assert torch.equal(dataset[1, 2]["A"], dataset[1, 2]["A"])


def test_hook_register_networks(installed_plugin: Install) -> None:
    network = """
from torch import nn

def small(input_nc, output_nc, ngf, norm, use_dropout):
    return nn.Sequential(nn.Conv2d(input_nc, ngf, 1), norm(ngf), nn.Conv2d(ngf, output_nc, 1), nn.Tanh())

def judge(input_nc, ndf, n_layers, norm):
    return nn.Conv2d(input_nc, 1, 1)
"""
    body = "register('small', small, role='generator'); register('judge', judge, role='discriminator')"
    installed_plugin(plugin_of("register_networks", body, network))
    assert pixlate.create_generator("small", input_nc=3, output_nc=1)(torch.zeros(1, 3, 4, 4)).shape == (1, 1, 4, 4)
    assert pixlate.create_discriminator("judge", input_nc=3)(torch.zeros(1, 3, 4, 4)).shape == (1, 1, 4, 4)
    model = pixlate.create_model("pix2pix", netG="small", netD="judge", ngf=2)
    assert len(model.networks["G"]) == 4


def test_hook_register_norms(installed_plugin: Install) -> None:
    installed_plugin(
        plugin_of("register_norms", "register('group', lambda n: nn.GroupNorm(2, n))", "from torch import nn\n")
    )
    net = pixlate.create_generator("resnet_6blocks", input_nc=3, output_nc=3, ngf=2, norm="group")
    assert any(isinstance(module, torch.nn.GroupNorm) for module in net.modules())


def test_hook_register_losses(installed_plugin: Install) -> None:
    loss = """
from pixlate.models import GANLoss

class Linear(GANLoss):
    def real_loss(self, pred): return -pred.mean()
    def fake_loss(self, pred): return pred.mean()
"""
    installed_plugin(plugin_of("register_losses", "register('linear', Linear)", loss))
    model: Any = pixlate.create_model("pix2pix", gan_mode="linear", netG="resnet_6blocks", ngf=2, ndf=2)
    assert float(model.loss_GAN.generator(torch.full((1, 1, 2, 2), 3.0))) == -3.0


def test_hook_register_inits(installed_plugin: Install) -> None:
    installed_plugin(plugin_of("register_inits", "register('constant', lambda weight, gain: weight.fill_(gain))"))
    with torch.no_grad():
        net = pixlate.create_discriminator("pixel", input_nc=3, ndf=2, init_type="constant", init_gain=0.5)
    assert torch.equal(net.state_dict()["net.0.weight"], torch.full((2, 3, 1, 1), 0.5))


def test_hook_register_lr_policies(installed_plugin: Install) -> None:
    policy = """
from pixlate.models import Policy

class Halving(Policy):
    def factor(self, progress): return 0.5 ** (progress.epoch - 1)
"""
    installed_plugin(plugin_of("register_lr_policies", "register('halving', Halving)", policy))
    model = pixlate.create_model("pix2pix", lr_policy="halving", netG="resnet_6blocks", ngf=2, ndf=2, lr=1.0)
    model.start_epoch(3)
    assert model.optimizers["G"].param_groups[0]["lr"] == 0.25


def test_hook_register_optimizers(installed_plugin: Install) -> None:
    """A class of torch.optim, and a function, receive the learning rate, the betas and the weight decay."""
    function = """
from torch.optim import SGD

def plain(params, *, lr, betas, weight_decay):
    return SGD(params, lr=10 * lr, weight_decay=weight_decay)
"""
    calls = "register('nadam', 'torch.optim:NAdam')\n    register('plain', plain)"
    installed_plugin(plugin_of("register_optimizers", calls, function))
    options = {"netG": "resnet_6blocks", "ngf": 2, "ndf": 2, "lr": 0.5, "beta2": 0.9, "weight_decay": 0.25}
    nadam, plain = (pixlate.create_model("pix2pix", optimizer=name, **options) for name in ("nadam", "plain"))
    assert isinstance(nadam.optimizers["G"], torch.optim.NAdam)
    assert nadam.optimizers["G"].param_groups[0]["betas"] == (0.5, 0.9)
    group = plain.optimizers["D"].param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (5.0, 0.25)
    plain.start_epoch(1)
    assert group["lr"] == 5.0


def test_hook_register_readers(installed_plugin: Install, tmp_path: Path) -> None:
    """A reader is asked before the built-in ones, by the first bytes of a file."""
    reader = """
import numpy as np
from pixlate.data import Reader, Shape

class Text(Reader):
    def accepts(self, start, path): return start.startswith(b"grey")
    def shape(self, path): return Shape(width=2, height=1, channels=1, dtype="uint16")
    def read(self, path): return np.array([[[int(number)] for number in path.read_text().split()[1:]]], np.uint16)
"""
    installed_plugin(plugin_of("register_readers", "register('text', Text, help='numbers')", reader))
    (tmp_path / "a.png").write_text("grey 0 1023")
    dataset = pixlate.create_dataset("single", dataroot=tmp_path, preprocess="crop", crop_size=1)
    assert dataset.fields["A"].dtype == "uint16"
    (pixels,) = dataset.pixels(dataset.groups[0][0])  # type: ignore[attr-defined]
    assert pixels.tolist() == [[[-1.0, 1.0]]]


def test_hook_register_writers(installed_plugin: Install, tmp_path: Path) -> None:
    """A writer is asked before the built-in ones, for results in the format of its suffix."""
    writer = """
from pixlate.data import Writer

class Text(Writer):
    suffix = ".txt"
    def accepts(self, values): return values.shape[2] == 1
    def encode(self, values): return " ".join(str(value) for value in values.ravel()).encode()
"""
    installed_plugin(plugin_of("register_writers", "register('text', Text, help='numbers')", writer))
    writers = [component.load()() for component in get_plugins().registry("writer")]
    field = Field(channels=1, dtype="uint16", value_range=(0.0, 1000.0))
    with Gallery(
        tmp_path / "results", ResultPage("title"), fields={"A": field, "B": field}, writers=writers
    ) as gallery:
        gallery.add("a.txt", {"fake_B": torch.tensor([[[-1.0, 0.0, 1.0]]])})
    assert (tmp_path / "results" / "images" / "a_fake_B.txt").read_text() == "0 500 1000"


def test_hook_register_metrics(installed_plugin: Install) -> None:
    """A metric is found by its name, and its values are averaged over images."""
    metric = """
from pixlate.metrics import PairMetric

class Worst(PairMetric):
    def values(self, fake, real): return (fake - real).abs().amax((1, 2, 3))
"""
    installed_plugin(plugin_of("register_metrics", "register('worst', Worst, help='largest difference')", metric))
    found = get_plugins().registry("metric").get("worst").load()(MetricContext())
    found.add(torch.tensor([[[[-1.0, 0.0]]], [[[1.0, 1.0]]]]), torch.tensor([[[[-1.0, 1.0]]], [[[1.0, -1.0]]]]))
    assert found.result().per_image == (0.5, 1.0)
    assert found.result().value == 0.75


def test_hook_register_viewers(
    installed_plugin: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Constructed once per run, with its options; one that raises or implements an unknown hook is left out."""
    site = installed_plugin("""
        from dataclasses import dataclass
        from pixlate.plugins import hookimpl, option

        @dataclass(frozen=True)
        class Config:
            greeting: str = option("", "what to say")

        class Greeter:
            def __init__(self, config):
                self.config = config

            @hookimpl
            def run_started(self, run):
                (run.folder / "greeting.txt").write_text(self.config.greeting)

        class Stillborn:
            def __init__(self):
                raise OSError("no screen")

        class Deaf:
            @hookimpl
            def run_begun(self):
                pass

        @hookimpl
        def register_viewers(register):
            register("absent", "pixlate_elsewhere:Viewer")
            register("stillborn", Stillborn)
            register("deaf", Deaf)
            register("greeter", Greeter, config=Config)
    """)
    monkeypatch.chdir(tmp_path)
    dataroot = write_images(tmp_path / "images", "aligned", size=40, count=1)
    with pytest.raises(SystemExit) as exit_info:
        main([*SMALL.split(), "--dataroot", str(dataroot), "--n_epochs", "1", "--greeting", "good day"])
    assert exit_info.value.code == 0
    assert (tmp_path / "checkpoints" / "trial" / "greeting.txt").read_text() == "good day"
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "viewer 'absent' of plugin mine of pixlate-mine 1.0 cannot be loaded" in lines[0]
    assert "viewer stillborn of plugin mine of pixlate-mine 1.0 is left out: OSError: no screen" in lines[1]
    assert "viewer deaf of plugin mine of pixlate-mine 1.0 is left out" in lines[2]
    assert "run_begun" in lines[2]
    assert (site / "pixlate_mine.py").is_file()


def test_hook_register_commands(installed_plugin: Install, capsys: pytest.CaptureFixture[str]) -> None:
    installed_plugin("""
        import click
        from pixlate.plugins import hookimpl

        @hookimpl
        def register_commands(cli):
            @cli.command()
            @click.option("--loud_er", is_flag=True, help="louder")
            def greet(loud_er):
                click.echo("GOOD DAY" if loud_er else "good day")
    """)
    with pytest.raises(SystemExit) as exit_info:
        pixlate_command(["greet", "--loud-er"])
    assert exit_info.value.code == 0
    assert capsys.readouterr().out == "GOOD DAY\n"


def test_hook_command_options(installed_plugin: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """Called for train and test separately; shown under the plugin's name, and among the run's options."""
    installed_plugin(
        """
        import click
        from pixlate.plugins import hookimpl

        SHOUT = click.Option(["--shout"], is_flag=True, help="print in capitals")

        @hookimpl
        def command_options(command):
            return [SHOUT] if command == "train" else None
        """,
        entry="loud",
    )
    for _ in range(2):
        with pytest.raises(SystemExit):
            main(["--help"])
        assert "Plugin loud:\n  --shout" in capsys.readouterr().out
    resolved = resolve("train", ["--dataroot", "demo", "--shout", "--suffix", "{shout}"], get_plugins())
    assert resolved.values["shout"] is True
    assert resolved.sources["shout"] == "command line"
    assert "shout" not in resolve("test", ["--name", "x"], get_plugins()).values
