"""What becomes of every option of a stored run: read back or not, refused or listed when it is changed.

`EXPECTED` is the promise of each option; what the commands really do with a run folder is compared with it.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
import torch

import pixlate
from pixlate import get_plugins
from pixlate.errors import OptionError
from pixlate.options.command.resolve import resolve
from pixlate.options.command.resolved import ResolvedOptions
from pixlate.options.command.stored import StoredRun, read_stored, write_stored
from pixlate.options.fields import NameOf, OneOf, Tag, options_by_name
from pixlate.options.output_template import OutputTemplate
from pixlate.options.shared import OWNERS, ModelOptions
from pixlate.runs.checkpoints.compatibility import allowed_changes

SHARED = (*(owner for owners in OWNERS.values() for owner in owners), ModelOptions)
#: By what happens to them, the options. The words: "train", "test" and "single" read the stored value back when
#: training is continued, at a test, at a test with `--model test`; "load" is `pixlate.load`. Another value is refused,
#: listed or ignored when training is continued; "contradiction": test refuses another value.
#: "untrained": an option of test alone.
EXPECTED = {
    "train test single load refuse contradiction": "input_nc netG ngf norm output_nc",
    "train test single load refuse": "direction dropout n_layers_D ndf netD num_D seed",
    "train test single load list": "init_gain init_type",
    "train test single refuse": "crop_size field ignore_metadata preprocess",
    "train test single ignore": "max_image_pixels",
    "train test refuse contradiction": "model",
    "train test refuse": "dataset_mode pair_by",
    "train test load list": "composite label_loss lambda_L1 lambda_mask lambda_structure",
    "train test list": "dataroot display_winsize",
    "train refuse": "ema init_from load_size max_dataset_size optimizer phase val_fraction",
    "train list": (
        "best_metric early_stop metric val_freq val_images "
        "accumulate augment balance batch_size beta1 beta2 cache cache_dir checkpoint_gradients clip_grad compile "
        "data_origin decay_share "
        "deterministic device display_env display_freq display_id display_ncols display_port display_server health "
        "ema_decay flip gan_mode gpu_ids html keep lambda_gp license lr lr_D lr_G lr_decay_iters lr_policy lr_warmup "
        "max_bad_images memory minutes n_D_steps n_epochs n_images "
        "n_epochs_decay nonfinite num_previews num_threads on_bad_image pool_size "
        "precision preview print_freq save_by_iter "
        "save_epoch_freq save_every_minutes save_latest_freq serial_batches tensorboard trackio trackio_project "
        "update_html_freq "
        "use_wandb wandb_project_name weight_decay"
    ),
    "train ignore": "verbose",
    "ignore": "checkpoints_dir continue_train epoch epoch_count load_iter name overwrite resume suffix",
    "untrained": (
        "aspect_ratio change_map eval image_format num_test output_template results_dir use_ema visuals worst_first"
    ),
}


def all_options() -> Mapping[str, click.Option]:
    """All options: shared ones, those of built-in models and data sets, and of viewers."""
    components = [part for kind in ("model", "dataset", "viewer") for part in get_plugins().registry(kind)]
    return options_by_name([*SHARED, *(part.config for part in components if part.config)])


def option_types() -> dict[str, click.ParamType[Any]]:
    """Their types by name."""
    return {name: option.type for name, option in all_options().items()}


def another(name: str, value: Any) -> Any:
    """A valid value of an option that is not `value`."""
    kind = option_types()[name]
    if isinstance(value, (tuple, list)):
        return ["another"] if list(value) != ["another"] else ["one more"]
    if isinstance(kind, NameOf):
        names = get_plugins().registry(kind.kind).names(kind.role)
        return next(choice for choice in names if choice not in (value, "test"))
    if isinstance(kind, OneOf):
        return next(choice for choice in reversed(kind.choices) if choice != value)
    if isinstance(kind, click.types.BoolParamType):
        return not value
    if isinstance(kind, Tag):
        return "5"
    if isinstance(kind, OutputTemplate):
        return "{index}_{label}"
    if isinstance(kind, click.types.IntParamType):
        return 2 if value != 2 else 3
    if isinstance(kind, click.types.FloatParamType):
        return 0.25 if value != 0.25 else 0.5
    return "another" if value != "another" else "one more"


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`./checkpoints` with the options.json of a run in which every option has another value than its default."""
    monkeypatch.chdir(tmp_path)
    started = resolve("train", ["--name", "run", "--model", "pix2pix", "--dataroot", "images"], get_plugins())
    values = {name: another(name, value) for name, value in started.values.items()}
    values |= {"model": "pix2pix", "name": "run", "dataset_mode": "aligned"}  # whose options are among these
    folder = tmp_path / "checkpoints"
    (folder / "run").mkdir(parents=True)
    write_stored(folder / "run", StoredRun(values))
    return folder


def read_back(command: str, *words: str) -> set[str]:
    """The options whose values come from the stored run."""
    sources = resolve(command, ["--name", "run", *words], get_plugins()).sources
    return {name for name, source in sources.items() if source == "stored run"}


def on_change(continued: ResolvedOptions, name: str) -> str:
    """What continuing says when one option of the run is another: "refuse", "list" or "ignore"."""
    changed = replace(continued, values={**continued.values, name: another(name, continued.values[name])})
    try:
        return "list" if name in allowed_changes(changed) else "ignore"
    except OptionError as error:
        stored = json.loads(json.dumps(continued.values[name]))  # tuples are lists in options.json
        return "refuse" if f"{name}: {stored} -> " in str(error) else str(error)


def contradicts(name: str, value: Any) -> bool:
    """Whether test refuses another value of an option."""
    words = [f"--{name}", str(value)]
    if isinstance(value, bool):
        option = all_options()[name]
        words = [option.opts[0] if value else option.secondary_opts[0]]
    try:
        resolve("test", ["--name", "run", *words], get_plugins())
    except OptionError as error:
        return "contradicts run 'run'" in str(error)
    return False


def loaded(checkpoints: Path, stored: Mapping[str, Any]) -> set[str]:
    """The options that the model of `pixlate.load` has from the stored run."""
    names = ("input_nc", "output_nc", "ngf", "norm")
    net = pixlate.create_generator(stored["netG"], use_dropout=stored["dropout"], **{n: stored[n] for n in names})
    torch.save(net.state_dict(), checkpoints / "run" / "latest_net_G.pth")
    model, fresh = pixlate.load("run").model, pixlate.create_model("pix2pix", train=False)
    values, unset = ({**vars(built.shared), **vars(built.config)} for built in (model, fresh))
    return {name for name, value in values.items() if name in stored and value == stored[name] != unset[name]}


def behaviour(checkpoints: Path) -> dict[str, str]:
    """What becomes of each option, in the words of `EXPECTED`."""
    stored = json.loads((checkpoints / "run" / "options.json").read_text("utf-8"))["options"]
    continued = resolve("train", ["--name", "run", "--continue_train"], get_plugins())
    same = replace(continued, stored=StoredRun(json.loads(json.dumps(dict(continued.values)))))
    by_train = read_back("train", "--continue_train") | read_back("train", "--resume", "auto")
    by_test, by_single = read_back("test"), read_back("test", "--model", "test")
    by_load = loaded(checkpoints, stored)
    tested = resolve("test", ["--name", "run"], get_plugins()).values
    rows = {}
    for name in sorted({*continued.values, *tested}):
        words = [word for word, names in (("train", by_train), ("test", by_test)) if name in names]
        words += [word for word, names in (("single", by_single), ("load", by_load)) if name in names]
        words.append(on_change(same, name) if name in continued.values else "untrained")
        if name in tested and name in stored and name != "name":
            words += ["contradiction"] if contradicts(name, another(name, stored[name])) else []
        rows[name] = " ".join(words)
    return rows


def test_every_option_keeps_its_promise(checkpoints: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    assert behaviour(checkpoints) == {name: words for words, names in EXPECTED.items() for name in names.split()}


def test_options_of_plugins_are_read_back(
    checkpoints: Path, installed_plugin: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    """A plugin's own option is read back by both commands, and a change of it is listed."""
    installed_plugin(
        """
        import click
        from pixlate.plugins import hookimpl

        @hookimpl
        def command_options(command):
            return [click.Option(["--volume"], type=int, default=1, help="how loud")]
        """
    )
    stored = read_stored(checkpoints / "run")
    assert stored is not None
    write_stored(checkpoints / "run", replace(stored, options={**stored.options, "volume": 7}))
    for command, words in (("train", ["--continue_train"]), ("test", []), ("test", ["--model", "test"])):
        resolved = resolve(command, ["--name", "run", *words], get_plugins())
        expected = (1, "default") if "test" in words else (7, "stored run")
        assert (resolved.values["volume"], resolved.sources["volume"]) == expected
    louder = resolve("train", ["--name", "run", "--continue_train", "--volume", "8"], get_plugins())
    assert allowed_changes(louder) == {"volume": (7, 8)}


def test_a_contradiction_in_a_config_file_is_refused(checkpoints: Path) -> None:
    (checkpoints / "c.toml").write_text("ngf = 99\n")
    with pytest.raises(OptionError, match=r"--ngf 99 contradicts run 'run', which was trained with ngf = 2"):
        resolve("test", ["--name", "run", "--config", str(checkpoints / "c.toml")], get_plugins())
