"""train_opt.txt: written under the reference's names, and read for a folder that has no options.json."""

from pathlib import Path

import pytest

from pixlate import get_plugins
from pixlate.errors import OptionError
from pixlate.options.command.listing import read_listing, write_listing
from pixlate.options.command.parser import declared_options
from pixlate.options.command.resolve import resolve
from pixlate.options.command.resolved import ResolvedOptions

#: Lines of a folder trained by the reference: padding, tabs and defaults as it writes them.
REFERENCE = """\
----------------- Options ---------------
               batch_size: 1                             
          checkpoints_dir: ./checkpoints                 
                crop_size: 128                           \t[default: 256]
                 dataroot: ./datasets/facades            \t[default: None]
             dataset_mode: aligned                       
                direction: BtoA                          \t[default: AtoB]
                  isTrain: True                          \t[default: None]
                load_size: 143                           \t[default: 286]
         max_dataset_size: inf                           
                    model: pix2pix                       \t[default: cycle_gan]
                     name: facades                       \t[default: experiment_name]
                     netG: unet_128                      \t[default: unet_256]
                      ngf: 32                            \t[default: 64]
               no_dropout: True                          \t[default: False]
                     norm: instance                      \t[default: batch]
----------------- End -------------------
"""  # fmt: skip  # noqa: W291


def resolved(command: str, *args: str) -> ResolvedOptions:
    return resolve(command, list(args), get_plugins())


@pytest.fixture
def reference_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "checkpoints" / "facades"
    folder.mkdir(parents=True)
    (folder / "train_opt.txt").write_text(REFERENCE)
    (folder / "latest_net_G.pth").touch()
    return folder


def lines_of(path: Path) -> dict[str, str]:
    """Each line's text behind its name, as the reference's parsers split it."""
    lines = path.read_text().splitlines()
    assert lines[0] == "----------------- Options ---------------"
    assert lines[-1] == "----------------- End -------------------"
    pairs = (line.split(": ", 1) for line in lines[1:-1])
    return {name.strip(): text for name, text in pairs}


def test_names_and_format_are_the_references(tmp_path: Path) -> None:
    write_listing(tmp_path / "train_opt.txt", resolved("train", "--dataroot", "maps", "--no_flip", "--ngf", "32"))
    lines = lines_of(tmp_path / "train_opt.txt")
    assert lines["isTrain"] == f"{'True':<30}\t[default: None]"
    assert lines["no_dropout"].rstrip() == "True"  # the default of cycle_gan
    assert lines["no_flip"] == f"{'True':<30}\t[default: False]"
    assert lines["no_html"].rstrip() == "False"
    assert lines["ngf"] == f"{'32':<30}\t[default: 64]"
    assert lines["max_dataset_size"].rstrip() == "inf"
    assert lines["epoch_count"].rstrip() == "1"
    assert not {"dropout", "flip", "html"} & lines.keys()
    assert list(lines) == sorted(lines)


def test_a_test_says_that_it_is_one(tmp_path: Path) -> None:
    write_listing(tmp_path / "test_opt.txt", resolved("test", "--name", "none", "--dataroot", "maps"))
    assert lines_of(tmp_path / "test_opt.txt")["isTrain"].startswith("False ")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    started = resolved("train", "--dataroot", "maps", "--model", "pix2pix", "--no_flip", "--max_dataset_size", "7")
    write_listing(tmp_path / "train_opt.txt", started)
    values = read_listing(tmp_path / "train_opt.txt", declared_options(get_plugins()))
    assert values == {name: value for name, value in started.values.items() if name in values}
    assert values["flip"] is False
    assert values["max_dataset_size"] == 7


def test_a_test_of_a_reference_folder_needs_no_flags(reference_run: Path) -> None:
    values = resolved("test", "--name", "facades").values
    expected = {"model": "pix2pix", "netG": "unet_128", "ngf": 32, "norm": "instance", "dropout": False}
    expected |= {"direction": "BtoA", "crop_size": 128, "load_size": 128, "dataroot": "./datasets/facades"}
    assert {name: values[name] for name in expected} == expected


def test_flags_may_contradict_a_listing(reference_run: Path) -> None:
    """What weights need is theirs to say: the list may be of another run, and the reference never reads it."""
    values = resolved("test", "--name", "facades", "--model", "cycle_gan", "--ngf", "16", "--netG", "unet_256").values
    assert (values["model"], values["ngf"], values["netG"]) == ("cycle_gan", 16, "unet_256")


def test_training_is_continued_with_the_options_of_a_listing(reference_run: Path) -> None:
    values = resolved("train", "--name", "facades", "--continue_train").values
    assert (values["model"], values["load_size"], values["max_dataset_size"]) == ("pix2pix", 143, None)


@pytest.mark.parametrize("line", ["ngf: many", "ngf: -1", "netD: ", "lr: nan", "direction: CtoD", "rm: -rf", "x: 1"])
def test_odd_lines_are_ignored(line: str, tmp_path: Path) -> None:
    path = tmp_path / "train_opt.txt"
    path.write_text(f"{line}\n         ndf: 8\n")
    values = read_listing(path, declared_options(get_plugins()))
    assert values.pop("netD", "") == ""
    assert values == {"ndf": 8}


def test_names_of_older_versions_are_read(tmp_path: Path) -> None:
    path = tmp_path / "train_opt.txt"
    path.write_text("which_model_netG: unet_128\nfineSize: 64\nloadSize: 72\nno_lsgan: False\nniter: 9\n")
    values = read_listing(path, declared_options(get_plugins()))
    assert values == {"netG": "unet_128", "crop_size": 64, "load_size": 72, "n_epochs": 9}


@pytest.mark.parametrize(
    ("suffix", "name"),
    [
        ("{no_dropout}_{isTrain}", "maps_cycle_gan_True_True"),
        ("{no_flip}{no_html}", "maps_cycle_gan_FalseFalse"),
        ("{name}_{max_dataset_size}", "maps_cycle_gan_maps_cycle_gan_inf"),
        ("{epoch_count:03d}", "maps_cycle_gan_001"),
    ],
)
def test_a_suffix_takes_the_references_names(suffix: str, name: str) -> None:
    assert resolved("train", "--dataroot", "maps", "--suffix", suffix).name == name


#: The reference's options, apart from those whose values are paths.
BASE = """name gpu_ids model input_nc output_nc ngf ndf netD netG n_layers_D norm init_type init_gain no_dropout
    dataset_mode direction serial_batches num_threads batch_size load_size crop_size max_dataset_size preprocess no_flip
    display_winsize epoch load_iter verbose isTrain phase"""
TRAIN = """use_wandb display_freq display_ncols display_id display_env display_port update_html_freq print_freq no_html
    save_latest_freq save_epoch_freq save_by_iter continue_train epoch_count n_epochs n_epochs_decay beta1 lr gan_mode
    pool_size lr_policy lr_decay_iters lambda_A lambda_B lambda_identity"""
TEST = "aspect_ratio eval num_test"


@pytest.mark.parametrize(("command", "names"), [("train", f"{BASE} {TRAIN}"), ("test", f"{BASE} {TEST}")])
def test_a_suffix_takes_every_option_of_the_reference(command: str, names: str) -> None:
    suffix = "_".join(f"{{{name}}}" for name in names.split())
    assert resolved(command, "--dataroot", "maps", "--name", "x", "--suffix", suffix).name.startswith("x_x_")


@pytest.mark.parametrize("suffix", ["{lr.nothing}", "{lr[0]}", "{0}", "{", "{lr:d}"])
def test_a_suffix_that_cannot_be_filled_in_is_refused(suffix: str) -> None:
    with pytest.raises(OptionError, match="is invalid, its fields must be names of options"):
        resolved("train", "--dataroot", "maps", "--suffix", suffix)


def test_no_dropout_is_no_contradiction_at_test(reference_run: Path) -> None:
    (reference_run / "options.json").write_text('{"options": {"model": "pix2pix", "netG": "unet_128"}}')
    assert resolved("test", "--name", "facades", "--no_dropout").values["dropout"] is False
