"""Every option changes something: what a model computes, what is loaded, or what a command leaves and prints.

`EFFECTS` has a line for each option of train and test: the command line beside which it is tried, and the option with
another value than its default. An option whose effect another test shows names that test.
"""

import functools
import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from observations import Observation, batches, device, model, place, training, translating
from paths import ROOT
from PIL import Image

from pixlate import get_plugins
from pixlate.options.command.resolve import resolve
from pixlate.util.owned import OwnFiles

NETS = "--netG resnet_6blocks --ngf 2 --ndf 2 --device cpu"
MODEL = f"train --model pix2pix --n_epochs 1 --n_epochs_decay 2 {NETS}"
CYCLE = MODEL.replace("pix2pix", "cycle_gan")
LOADED = "train --model pix2pix --dataroot images --load_size 36 --crop_size 32 --num_threads 0"
SHORT = "--n_epochs 1 --n_epochs_decay 0 --print_freq 1 --display_id 0 --ngf 1 --ndf 1"
TRAIN = f"{LOADED} {NETS} --cache off {SHORT} --name run"
RESUME = "train --name old --continue_train --epoch latest"
WEIGHTS = "train --name weights --continue_train"
TEST = "test --name old"


@dataclass(frozen=True)
class Effect:
    """An option with another value, and the command line to which it is added."""

    observe: Callable[[str], Observation]
    beside: str
    option: str


VISDOM = "tests/plugins/viewers/test_visdom.py"

#: By option: its effect, or the test that shows it.
EFFECTS: dict[str, Effect | str] = {
    # the run
    "name": Effect(place, LOADED, "--name other"),
    "suffix": Effect(place, LOADED, "--suffix {netG}"),
    "checkpoints_dir": Effect(place, LOADED, "--checkpoints_dir elsewhere"),
    "model": Effect(place, LOADED, "--model cycle_gan"),
    "dataset_mode": Effect(place, LOADED, "--dataset_mode unaligned"),
    "device": Effect(device, LOADED, "--device cpu"),
    "gpu_ids": Effect(device, LOADED, "--gpu_ids 1"),
    "verbose": Effect(training, TRAIN, "--verbose"),
    "overwrite": Effect(training, TRAIN.replace("--name run", "--name old"), "--overwrite"),
    "continue_train": Effect(training, "train --name old --n_epochs 3", "--continue_train"),
    "resume": Effect(training, "train --name old --n_epochs 3", "--resume auto"),
    "epoch_count": Effect(training, TRAIN.replace("--n_epochs 1", "--n_epochs 2"), "--epoch_count 2"),
    "epoch": Effect(training, f"{WEIGHTS} --epoch latest", "--epoch 1"),
    "load_iter": Effect(training, WEIGHTS, "--load_iter 2"),
    # networks
    "seed": Effect(model, MODEL, "--seed 1"),
    "input_nc": Effect(model, MODEL, "--input_nc 1"),
    "output_nc": Effect(model, MODEL, "--output_nc 1"),
    "direction": Effect(model, MODEL, "--direction BtoA"),
    "netG": Effect(model, MODEL, "--netG resnet_9blocks"),
    "netD": Effect(model, MODEL, "--netD pixel"),
    "ngf": Effect(model, MODEL, "--ngf 3"),
    "ndf": Effect(model, MODEL, "--ndf 3"),
    "n_layers_D": Effect(model, f"{MODEL} --netD n_layers", "--n_layers_D 2"),
    "num_D": Effect(model, f"{MODEL} --netD multiscale --n_layers_D 1 --num_D 2", "--num_D 1"),
    "norm": Effect(model, MODEL, "--norm instance"),
    "dropout": Effect(model, MODEL, "--no_dropout"),
    "init_type": Effect(model, MODEL, "--init_type xavier"),
    "init_gain": Effect(model, MODEL, "--init_gain 0.03"),
    # optimisation
    "n_epochs": Effect(model, MODEL, "--n_epochs 2"),
    "n_epochs_decay": Effect(model, MODEL, "--n_epochs_decay 3"),
    **dict.fromkeys(
        ("license", "data_origin"),
        "tests/inference/test_translator.py::test_the_licence_and_the_origin_of_the_data_stay_with_a_run",
    ),
    "health": "tests/runs/test_health.py::test_it_changes_nothing_and_is_resumed",
    "n_images": "tests/runs/test_budget.py::test_a_run_of_a_number_of_images_ends_there_and_resumes_exactly",
    "decay_share": "tests/runs/test_budget.py::test_the_share_is_that_of_the_epochs_that_are_given_and_is_kept",
    "minutes": "tests/runs/test_budget.py::test_a_run_ends_in_time_at_a_rate_of_zero",
    "lr": Effect(model, MODEL, "--lr 0.0003"),
    "lr_G": Effect(model, MODEL, "--lr_G 0.0003"),
    "lr_D": Effect(model, MODEL, "--lr_D 0.0003"),
    "optimizer": Effect(model, MODEL, "--optimizer sgd"),
    "beta1": Effect(model, MODEL, "--beta1 0.6"),
    "beta2": Effect(model, MODEL, "--beta2 0.9"),
    "weight_decay": Effect(model, MODEL, "--weight_decay 0.1"),
    "n_D_steps": Effect(model, MODEL, "--n_D_steps 2"),
    "gan_mode": Effect(model, MODEL, "--gan_mode lsgan"),
    "lambda_gp": Effect(model, f"{MODEL} --gan_mode wgangp", "--lambda_gp 5"),
    "lambda_L1": Effect(model, MODEL, "--lambda_L1 99"),
    "lambda_mask": "tests/models/test_losses.py::test_a_mask_weights_the_l1_loss",
    "lambda_GAN": Effect(model, MODEL.replace("pix2pix", "distillation"), "--lambda_GAN 1"),
    "teacher": "tests/plugins/test_distill.py::test_a_name_that_is_taken_is_refused",
    "composite": "tests/models/test_losses.py::test_outside_of_a_mask_a_test_shows_the_input",
    "label_loss": "tests/data/test_labels.py::test_a_run_between_labels_and_photographs",
    "lambda_A": Effect(model, CYCLE, "--lambda_A 9"),
    "lambda_B": Effect(model, CYCLE, "--lambda_B 9"),
    "lambda_structure": Effect(model, MODEL, "--lambda_structure 1"),
    "lambda_identity": Effect(model, CYCLE, "--lambda_identity 0.4"),
    "pool_size": Effect(model, f"{CYCLE} --pool_size 1", "--pool_size 0"),
    "lr_policy": Effect(model, MODEL, "--lr_policy cosine"),
    "lr_decay_iters": Effect(model, f"{MODEL} --lr_policy step", "--lr_decay_iters 1"),
    "lr_warmup": Effect(training, f"{TRAIN} --lr_policy warmup --print_freq 1", "--lr_warmup 2"),
    "precision": Effect(model, f"{MODEL} --precision fp32", "--precision bf16"),
    "compile": Effect(model, MODEL, "--compile on"),
    "clip_grad": Effect(model, MODEL, "--clip_grad 0.001"),
    "ema": Effect(model, MODEL, "--ema"),
    "ema_decay": Effect(model, f"{MODEL} --ema", "--ema_decay 0.5"),
    "checkpoint_gradients": Effect(model, MODEL, "--checkpoint_gradients"),
    "init_from": Effect(training, TRAIN, "--init_from checkpoints/old"),
    "accumulate": Effect(training, TRAIN, "--accumulate 2"),
    "nonfinite": "tests/runs/test_nonfinite.py::test_the_reaction_to_updates_that_are_not_finite",
    "deterministic": "tests/runs/test_resume.py::test_deterministic_algorithms_are_used_for_the_run_alone",
    # data
    "dataroot": Effect(batches, LOADED, "--dataroot others"),
    "phase": Effect(batches, LOADED, "--phase test"),
    "preprocess": Effect(batches, LOADED, "--preprocess crop"),
    "pair_by": "tests/data/test_pairs.py::test_pairs_by_order",
    "load_size": Effect(batches, LOADED, "--load_size 40"),
    "crop_size": Effect(batches, LOADED, "--crop_size 24"),
    "flip": Effect(batches, LOADED, "--no_flip"),
    "balance": "tests/data/test_manifest.py::test_a_table_s_weights_and_groups_are_used",
    "manifest": "tests/data/test_manifest.py::test_a_row_is_a_sample",
    "val_freq": "tests/runs/test_validation.py::test_the_best_checkpoint_is_that_of_the_best_validation",
    "val_fraction": "tests/runs/test_val_fraction.py::test_a_training_never_sees_what_it_validates_on",
    "val_images": "tests/runs/test_validation.py::test_the_best_checkpoint_is_that_of_the_best_validation",
    "metric": "tests/runs/test_validation.py::test_the_best_checkpoint_is_that_of_the_best_validation",
    "best_metric": "tests/runs/test_validation.py::test_another_metric_chooses_the_best",
    "early_stop": "tests/runs/test_validation.py::test_a_run_that_does_not_become_better_ends",
    "visuals": Effect(translating, TEST, "--visuals fake_B"),
    "image_format": Effect(translating, TEST, "--image_format webp"),
    "output_template": Effect(translating, TEST, "--output_template {index}_{label}"),
    "change_map": Effect(translating, TEST, "--change_map"),
    "worst_first": "tests/metrics/test_evaluate.py::test_a_gallery_shows_the_metrics_and_the_worst_first",
    "augment": "tests/data/test_augmentation.py::test_data_sets_change_samples_by_seed_epoch_and_index",
    "hole": "tests/data/test_inpainting.py::test_the_input_is_the_photograph_without_the_hole",
    "hole_area": "tests/data/test_inpainting.py::test_a_hole_has_about_the_area_that_is_asked_for",
    "hole_masks": "tests/data/test_inpainting.py::test_holes_are_those_of_images",
    "allow_outside": "tests/data/test_manifest.py::test_files_elsewhere_are_read_when_that_is_asked_for",
    "serial_batches": Effect(batches, LOADED, "--serial_batches"),
    "batch_size": Effect(batches, LOADED, "--batch_size 2"),
    "num_threads": Effect(batches, LOADED, "--num_threads 1"),
    "max_dataset_size": Effect(batches, LOADED, "--max_dataset_size 2"),
    "field": "tests/data/test_labels.py::test_labels_of_every_form_are_one_hot",
    "ignore_metadata": Effect(batches, LOADED.replace("images", "turned"), "--ignore_metadata"),
    "max_image_pixels": Effect(batches, LOADED, "--max_image_pixels 99"),
    "on_bad_image": Effect(batches, LOADED.replace("images", "damaged"), "--on_bad_image skip"),
    "max_bad_images": Effect(batches, LOADED.replace("images", "damaged --on_bad_image skip"), "--max_bad_images 0"),
    "cache": Effect(batches, LOADED, "--cache off"),
    "cache_dir": Effect(batches, f"{LOADED} --cache disk", "--cache_dir more"),
    # training
    "print_freq": Effect(training, TRAIN, "--print_freq 2"),
    "display_freq": Effect(training, TRAIN, "--display_freq 1"),
    "num_previews": Effect(training, f"{TRAIN} --display_freq 1", "--num_previews 1"),
    "preview": Effect(training, f"{TRAIN} --display_freq 1", "--preview images/test/1.png"),
    "update_html_freq": Effect(training, f"{TRAIN} --display_freq 1", "--update_html_freq 1"),
    "html": Effect(training, TRAIN, "--no_html"),
    "save_latest_freq": Effect(training, TRAIN, "--save_latest_freq 1"),
    "save_epoch_freq": Effect(training, TRAIN.replace("--n_epochs 1", "--n_epochs 2"), "--save_epoch_freq 1"),
    "save_by_iter": Effect(training, f"{TRAIN} --save_latest_freq 1", "--save_by_iter"),
    "save_every_minutes": Effect(training, TRAIN, "--save_every_minutes 1e-9"),
    "keep": Effect(training, f"{TRAIN} --save_latest_freq 1 --save_by_iter", "--keep 1"),
    "memory": Effect(training, TRAIN, "--memory"),
    # testing
    "results_dir": Effect(translating, TEST, "--results_dir elsewhere"),
    "num_test": Effect(translating, TEST, "--num_test 1"),
    "eval": Effect(translating, TEST, "--eval"),
    "aspect_ratio": Effect(translating, TEST, "--aspect_ratio 2"),
    "display_winsize": Effect(translating, TEST, "--display_winsize 100"),
    "use_ema": Effect(translating, TEST, "--no_use_ema"),
    "model_suffix": Effect(translating, f"{TEST} --model test --dataroot images/test", "--model_suffix _A"),
    # viewers
    "tensorboard": "tests/plugins/viewers/test_tensorboard.py::test_it_is_off_by_default",
    "trackio": "tests/plugins/viewers/test_trackio.py::test_it_is_off_by_default",
    "trackio_project": "tests/plugins/viewers/test_trackio.py::test_the_folder_that_the_user_names_is_used",
    "use_wandb": "tests/plugins/viewers/test_wandb.py::test_it_is_off_by_default",
    "wandb_project_name": "tests/plugins/viewers/test_wandb.py::test_offline_runs_hold_losses_images_and_options",
    "display_id": f"{VISDOM}::test_a_display_id_of_0_or_less_turns_visdom_off",
    "display_server": f"{VISDOM}::test_a_missing_server_costs_one_warning_and_no_time",
    "display_port": f"{VISDOM}::test_curves_images_and_labels_appear_in_the_reference_s_windows",
    "display_env": f"{VISDOM}::test_curves_images_and_labels_appear_in_the_reference_s_windows",
    "display_ncols": f"{VISDOM}::test_without_columns_every_image_has_a_window",
}
#: Options that both commands have, but read in different places: their effect on a test.
AT_TEST = {
    "epoch": "--epoch 1",
    "load_iter": "--load_iter 2",
    "phase": "--phase train",
    "precision": "--precision bf16",
    "max_dataset_size": "--max_dataset_size 1",
    "direction": "--dataroot others",
    "crop_size": "--crop_size 28 --load_size 28",
    "flip": "--flip",
    "verbose": "--verbose",
}


#: Options without which their command line is an error, and options with which it is.
REFUSED_WITHOUT = {"overwrite", "continue_train", "resume", "on_bad_image"}
REFUSED = {"max_bad_images", "max_image_pixels"}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images, a finished run "old", and its weights without a state, "weights"."""
    root = tmp_path_factory.mktemp("effects")
    rng = np.random.default_rng(0)
    for folder, phase, count in (
        ("images", "train", 3),
        ("images", "test", 2),
        ("others", "train", 3),
        ("others", "test", 2),
    ):
        for number in range(count):
            path = root / folder / phase / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (40, 80, 3), dtype=np.uint8)).save(path)
    upside_down = Image.Exif()
    upside_down[0x0112] = 3
    shutil.copytree(root / "images", root / "turned")
    Image.open(root / "images" / "train" / "0.png").save(root / "turned" / "train" / "0.png", exif=upside_down)
    shutil.copytree(root / "images", root / "damaged")
    (root / "damaged" / "train" / "1.png").write_bytes(b"not an image")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        old = TRAIN.replace(
            "--name run", "--name old --ema --ema_decay 0.5 --lr 0.01 --save_by_iter --save_latest_freq 2"
        )
        made = training(f"{old} --n_epochs 2 --save_epoch_freq 1 --batch_size 1")
    runs = root / "checkpoints"
    assert all((runs / "old" / f"{tag}_net_G.pth").exists() for tag in ("iter_2", "1")), made
    weights = torch.load(runs / "old" / "latest_net_G.pth", weights_only=True)
    OwnFiles(runs / "old").claim("latest_net_G_A.pth")
    torch.save(weights, runs / "old" / "latest_net_G_A.pth")  # for --model_suffix
    shutil.copytree(runs / "old", runs / "weights")
    for state in (runs / "weights").glob("*_state.pt*"):
        state.unlink()
    return root


@pytest.fixture
def fresh_folder(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that makes a new copy of the folder the current one: what was observed before leaves no trace."""
    numbers = itertools.count()

    def change() -> None:
        folder = tmp_path / str(next(numbers))
        shutil.copytree(work, folder / "work")
        monkeypatch.chdir(folder / "work")
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))

    change()
    return change


@functools.cache
def observed_without(observe: Callable[[str], Observation], beside: str) -> Observation:
    """What is observed without the option, once for all options that are tried beside the same command line."""
    return observe(beside)


@pytest.mark.parametrize("name", [name for name, effect in EFFECTS.items() if isinstance(effect, Effect)])
def test_every_option_changes_something(name: str, fresh_folder: Callable[[], None]) -> None:
    effect = EFFECTS[name]
    assert isinstance(effect, Effect)
    assert name in effect.option.replace("--no_", "--")
    without = observed_without(effect.observe, effect.beside)
    fresh_folder()
    changed = effect.observe(f"{effect.beside} {effect.option}")
    assert changed != without
    assert is_error(without) == (name in REFUSED_WITHOUT), without
    assert is_error(changed) == (name in REFUSED), changed


def is_error(observation: Observation) -> bool:
    return "error" in observation or any(line.startswith("Error") for line in observation.get("lines", ()))


@pytest.mark.parametrize("option", AT_TEST.values(), ids=list(AT_TEST))
def test_options_of_a_test_change_its_results(option: str, fresh_folder: Callable[[], None]) -> None:
    without = observed_without(translating, TEST)
    fresh_folder()
    changed = translating(f"{TEST} {option}")
    assert changed != without
    assert not is_error(changed), changed


def test_what_is_compared_is_the_same_each_time(fresh_folder: Callable[[], None]) -> None:
    """Else every option would seem to change something."""
    for observe, words in ((model, MODEL), (model, CYCLE), (batches, LOADED), (training, TRAIN), (translating, TEST)):
        first = observed_without(observe, words)
        fresh_folder()
        assert observe(words) == first


def test_every_option_is_listed() -> None:
    names: set[str] = set()
    for chosen in get_plugins().registry("model").names():
        names |= set(resolve("train", ["--model", chosen], get_plugins()).values) if chosen != "test" else set()
        names |= set(resolve("test", ["--name", "none", "--model", chosen], get_plugins()).values)
    for chosen in get_plugins().registry("dataset").names():
        names |= set(resolve("train", ["--dataset_mode", chosen], get_plugins()).values)
    assert names == EFFECTS.keys()
    for reference in (effect for effect in EFFECTS.values() if isinstance(effect, str)):
        file, _, test = reference.partition("::")
        assert f"def {test}(" in (ROOT / file).read_text("utf-8")
