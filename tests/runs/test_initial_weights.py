"""`--init_from`: a new run that starts from the weights of another run, or of files."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from trainings import PIX2PIX, leaves, make_images, same, state_of, train

import pixlate
from pixlate.errors import CheckpointError, OptionError
from pixlate.models.base import BaseModel
from pixlate.runs.initial_weights import load_initial_weights

SMALL = {"netG": "resnet_6blocks", "ngf": 2, "ndf": 2}


def cycle_gan(**options: Any) -> BaseModel[Any]:
    return pixlate.create_model("cycle_gan", **{**SMALL, **options})


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Folders as CycleGAN leaves them, and as generators are published."""
    for name, files in {"trained": ("G_A", "G_B", "D_A", "D_B"), "published": ("G",)}.items():
        (tmp_path / name).mkdir()
        model = cycle_gan(seed=7)
        for file in files:
            network = model.networks[file if name == "trained" else "G_A"]
            torch.save(network.state_dict(), tmp_path / name / f"latest_net_{file}.pth")
    return tmp_path


def equals(model: BaseModel[Any], name: str, path: Path) -> bool:
    weights = torch.load(path, weights_only=True)
    return all(torch.equal(value, weights[key]) for key, value in model.networks[name].state_dict().items())


def test_every_network_of_a_run_is_taken_by_its_name(runs: Path) -> None:
    for source in ("trained", str(runs / "trained")):
        model = cycle_gan()
        lines = load_initial_weights(model, [source], runs)
        assert all(equals(model, name, runs / "trained" / f"latest_net_{name}.pth") for name in model.networks)
        assert lines[0] == f"[Network G_A] starts from '{runs / 'trained' / 'latest_net_G_A.pth'}'"


def test_networks_are_chosen_one_by_one(runs: Path) -> None:
    model, fresh = cycle_gan(), cycle_gan()
    file = runs / "trained" / "latest_net_G_B.pth"
    lines = load_initial_weights(model, ["G_A=published", str(file)], runs)
    assert equals(model, "G_A", runs / "published" / "latest_net_G.pth")
    assert equals(model, "G_B", file)
    for name in ("D_A", "D_B"):
        assert all(map(torch.equal, model.networks[name].parameters(), fresh.networks[name].parameters()))
    assert lines[2:] == ["[Network D_A] starts from new weights", "[Network D_B] starts from new weights"]


def test_a_file_of_any_name_is_the_only_generators(runs: Path) -> None:
    shutil.copy(runs / "published" / "latest_net_G.pth", runs / "horses.pt")
    model = pixlate.create_model("pix2pix", **SMALL, norm="instance", no_dropout=True)
    load_initial_weights(model, [str(runs / "horses.pt")], runs)
    assert equals(model, "G", runs / "horses.pt")


def test_averages_start_from_the_loaded_weights(runs: Path) -> None:
    model = cycle_gan(ema=True)
    model.prepare_once({})
    load_initial_weights(model, ["trained"], runs)
    average = model.averages["G_A"].parameters()
    assert all(map(torch.equal, model.networks["G_A"].parameters(), average))


@pytest.mark.parametrize(
    ("source", "error", "sentence"),
    [
        ("nothing", CheckpointError, "there is no run or weights file 'nothing'"),
        ("published", CheckpointError, "has latest_net_G.pth, and the model has G_A, G_B, D_A, D_B: choose a network"),
        ("G=published", OptionError, "the model has no network 'G', only G_A, G_B, D_A, D_B"),
        ("D_A=published", CheckpointError, "has latest_net_G.pth, and the model has"),
        ("{runs}/published/latest_net_G.pth", OptionError, "so name the network, as in --init_from G_A="),
        ("empty", CheckpointError, "has no weights 'latest_net_*.pth' to start from."),
        ("numbered", CheckpointError, "to start from; of 5 or 10 name the files"),
    ],
)
def test_what_cannot_be_loaded_is_a_sentence(runs: Path, source: str, error: type[Exception], sentence: str) -> None:
    for name, files in (("empty", ()), ("numbered", ("5_net_G_A.pth", "10_net_G_A.pth"))):
        (runs / name).mkdir()
        for file in files:
            (runs / name / file).touch()
    with pytest.raises(error) as raised:
        load_initial_weights(cycle_gan(), [source.format(runs=runs)], runs)
    assert sentence in str(raised.value)
    assert str(raised.value).endswith(".")


def test_weights_of_another_architecture_name_the_flags(runs: Path) -> None:
    with pytest.raises(CheckpointError, match="belong to a generator with --ngf 2, not --ngf 3") as raised:
        load_initial_weights(cycle_gan(ngf=3), ["trained"], runs)
    assert "name only the networks that fit" in str(raised.value)
    model = cycle_gan(ndf=3)
    with pytest.raises(CheckpointError, match="network D_A cannot start from it"):
        load_initial_weights(model, ["trained"], runs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("initial")
    make_images(root / "images")
    train(root / "runs", *PIX2PIX, "--n_epochs", "1", "--n_epochs_decay", "0")
    return root


def test_a_run_continues_as_a_new_one_with_other_sizes_and_data(folder: Path) -> None:
    make_images(folder / "others", count=5)
    words = ("--name", "tuned", "--init_from", "run", "--dataroot", folder / "others", "--crop_size", "64")
    small = ("--load_size", "64", "--lr", "1e-30", "--n_epochs", "1", "--n_epochs_decay", "0")
    output = train(folder / "runs", *PIX2PIX, *words, *small).output
    assert f"[Network G] starts from '{folder / 'runs' / 'run' / 'latest_net_G.pth'}'" in output
    for name in ("G", "D"):
        old, new = (
            dict(leaves(torch.load(folder / "runs" / run / f"latest_net_{name}.pth", weights_only=True)))
            for run in ("run", "tuned")
        )
        # At that rate nothing is learnt; the statistics of batch norm follow the images.
        assert all(same(new[key], value) for key, value in old.items() if key.endswith((".weight", ".bias")))
    assert state_of(folder / "runs" / "tuned")["position"]["images"] == 5
    stored = json.loads((folder / "runs" / "tuned" / "options.json").read_text())
    assert stored["options"]["init_from"] == ["run"]


def test_a_resumed_run_keeps_where_it_started_from(folder: Path) -> None:
    train(folder / "runs", *PIX2PIX, "--name", "kept", "--init_from", "run", "--n_epochs", "1")
    again = ("--name", "kept", "--continue_train", "--n_epochs", "2")
    refused = train(folder / "runs", *again, "--init_from", "other", expect=2)
    assert "init_from: ['run'] -> ['other']" in refused.output
    train(folder / "runs", *again)
    stored = json.loads((folder / "runs" / "kept" / "options.json").read_text())
    assert stored["options"]["init_from"] == ["run"]


def test_refusals_name_the_way_on(folder: Path) -> None:
    refused = train(folder / "runs", "--continue_train", "--crop_size", "34", expect=2)
    assert "start a new run from its weights with another --name and --init_from run" in refused.output


def test_a_mismatch_ends_the_start_without_files(folder: Path) -> None:
    refused = train(folder / "runs", *PIX2PIX, "--name", "wrong", "--init_from", "run", "--ngf", "4", expect=1)
    assert "belong to a generator with --ngf 2, not --ngf 4" in refused.output
    assert not (folder / "runs" / "wrong").exists()


def test_a_repeated_training_needs_a_word(folder: Path) -> None:
    shutil.copytree(folder / "runs", folder / "again")
    words = (*PIX2PIX, "--n_epochs", "1", "--n_epochs_decay", "0")
    refused = train(folder / "again", *words, expect=2).output
    assert "run 'run' exists: add --continue_train to resume it, --overwrite (in scripts also PIXLATE_OVERWRITE=1)" in (
        refused
    )
    (folder / "scripts.toml").write_text("overwrite = true\n")
    train(folder / "again", *words, "--config", folder / "scripts.toml")
    train(folder / "again", *words, before="import os; os.environ['PIXLATE_OVERWRITE'] = '1'")
    train(
        folder / "again", *words, "--no_overwrite", before="import os; os.environ['PIXLATE_OVERWRITE'] = '1'", expect=2
    )
