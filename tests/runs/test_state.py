"""The files of a run are whole or absent, whatever the disk does, and damaged ones are noticed."""

import hashlib
import io
import os
import zipfile
from pathlib import Path

import pytest
import torch
from trainings import PIX2PIX, differences, make_images, state_of, train

import pixlate
from pixlate.errors import CheckpointError, DamagedError
from pixlate.plugins.run import Progress
from pixlate.runs.checkpoints.state import Snapshot
from pixlate.runs.checkpoints.state_file import read_state, write_state
from pixlate.runs.checkpoints.store import CheckpointStore
from pixlate.runs.logs import RunLogs

FULL = """
import errno, os
import pixlate.runs.checkpoints.state_file as state
save = state._save
def full(value, file):
    global calls
    calls -= 1
    if {first} >= calls > {last}:
        file.write(b"a part")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return save(value, file)
calls = 0
state._save = full
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("state")
    make_images(root / "images")
    train(root / "whole", *PIX2PIX)
    return root


def copy_of(folder: Path, name: str) -> Path:
    """A copy of the finished run, under another --checkpoints_dir."""
    import shutil

    shutil.copytree(folder / "whole", folder / name)
    return folder / name / "run"


def contents(run_folder: Path) -> dict[str, bytes]:
    """The files of a run's folder, without the lock, which holds the number of the last process."""
    return {path.name: path.read_bytes() for path in run_folder.iterdir() if path.is_file() and path.name != ".lock"}


def test_a_state_has_its_checksum_beside_it_and_one_before_it(tmp_path: Path) -> None:
    path, previous = tmp_path / "latest_state.pt", tmp_path / "previous_state.pt"
    for number in range(3):
        write_state(path, {"number": number}, keep_as=previous)
    assert (read_state(path), read_state(previous)) == ({"number": 2}, {"number": 1})
    for file in (path, previous):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert file.with_name(file.name + ".sha256").read_text() == f"{digest}  {file.name}\n"
    assert len(list(tmp_path.iterdir())) == 4


def test_a_save_reaches_the_disk_in_the_order_that_survives_a_power_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The logs that a state counts, then the state, then its checksum, then the rename, then the folder."""
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def flushed(descriptor: int) -> None:
        calls.append("flush " + os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        calls.append(f"rename {target.name}")
        calls[:] = [call.replace(path.name, target.name) for call in calls]
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", renamed)
    model = pixlate.create_model("pix2pix", netG="resnet_6blocks", ngf=1, ndf=1)
    store, logs = CheckpointStore(tmp_path, model, facts={}), RunLogs(tmp_path)
    logs.open("losses.jsonl").write("{}")
    store.save(Progress(), logs)
    store.close()
    logs.close()
    (saved,) = store.finished()
    assert saved.error is None
    end = calls.index("flush latest_net_G.pth")
    assert calls[:end] == [
        "flush losses.jsonl",
        "flush latest_state.pt",
        "flush latest_state.pt.sha256",
        "rename latest_state.pt.sha256",
        f"flush {tmp_path.name}",
        "flush latest_state.pt",
        "rename latest_state.pt",
        f"flush {tmp_path.name}",
        "flush latest_state.pt.sha256",
        "rename latest_state.pt.sha256",
        f"flush {tmp_path.name}",
    ]


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: not enough memory"), CheckpointError("not now.")]
)
def test_a_state_that_cannot_be_copied_is_a_failed_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    model = pixlate.create_model("pix2pix", netG="resnet_6blocks", ngf=1, ndf=1)
    store, logs = CheckpointStore(tmp_path, model, facts={}), RunLogs(tmp_path)

    def failing() -> dict[str, object]:
        raise error

    monkeypatch.setattr(model, "state_dict", failing)
    store.save(Progress(), logs)
    (saved,) = store.finished()
    assert saved.error is not None
    store.close()
    logs.close()
    assert not list(tmp_path.glob("*_state.pt"))


def with_a_flipped_bit(data: bytes) -> bytes:
    """The data with one bit changed in the middle of the largest record."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        largest = max(archive.infolist(), key=lambda record: record.file_size)
    place = largest.header_offset + largest.file_size // 2 + 128
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: b"", with_a_flipped_bit])
def test_a_damaged_latest_gives_way_to_the_one_before(folder: Path, damage: object) -> None:
    run_folder = copy_of(folder, f"damaged{os.urandom(4).hex()}")
    latest = run_folder / "latest_state.pt"
    data = latest.read_bytes()
    latest.unlink()  # its other names keep what they have
    latest.write_bytes(damage(data))  # type: ignore[operator]
    more = train(run_folder.parent, "--continue_train")
    assert "is damaged" in more.output
    assert "Resuming from the previous state, at 24 images." in more.output
    assert "is kept as" in more.output
    assert (run_folder / "damaged_state.pt").read_bytes() == damage(data)  # type: ignore[operator]
    assert differences(folder / "whole" / "run", run_folder) == []


def test_the_one_before_is_not_replaced_by_a_damaged_one(folder: Path) -> None:
    run_folder = copy_of(folder, "twice damaged")
    (run_folder / "latest_state.pt").write_bytes(b"nothing")
    dies = "import os; from pixlate.runs.training import Trainer; Trainer.start_step = lambda *a: os._exit(9)"
    train(run_folder.parent, "--continue_train", "--n_epochs", "5", before=dies, expect=9)
    assert read_state(run_folder / "latest_state.pt")["position"]["images"] == 24
    assert read_state(run_folder / "previous_state.pt")["position"]["images"] == 24


#: Reading the latest state fails, as on a failing disk.
UNREADABLE = """
import errno, os
from pixlate.runs.checkpoints import state_file
open_file = state_file.open_file
def failing(path):
    if path.name == "latest_state.pt":
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    return open_file(path)
state_file.open_file = failing
"""


def test_a_state_that_cannot_be_read_now_is_not_replaced_by_the_one_before(folder: Path) -> None:
    run_folder = copy_of(folder, "unreadable")
    states = {path.name: path.read_bytes() for path in run_folder.glob("*_state.pt")}
    refused = train(run_folder.parent, "--continue_train", "--n_epochs", "5", before=UNREADABLE, expect=1)
    assert "cannot be read: Input/output error" in refused.output
    assert {path.name: path.read_bytes() for path in run_folder.glob("*_state.pt")} == states


def test_a_state_of_a_newer_version_is_not_replaced_by_the_one_before(folder: Path) -> None:
    run_folder = copy_of(folder, "newer")
    latest = run_folder / "latest_state.pt"
    state = torch.load(latest, weights_only=True)
    latest.unlink()
    torch.save({**state, "format": state["format"] + 1}, latest)
    (run_folder / "latest_state.pt.sha256").unlink()
    data = latest.read_bytes()
    assert "newer version" in train(run_folder.parent, "--continue_train", "--n_epochs", "5", expect=1).output
    assert latest.read_bytes() == data


def test_a_state_of_another_seed_is_refused(folder: Path) -> None:
    run_folder = copy_of(folder, "another seed")
    train(folder / "seed 1", *PIX2PIX, "--seed", "1")
    for name in ("latest_state.pt", "latest_state.pt.sha256"):
        (run_folder / name).unlink()
        (run_folder / name).write_bytes((folder / "seed 1" / "run" / name).read_bytes())
    refused = train(run_folder.parent, "--continue_train", "--n_epochs", "5", expect=1)
    assert "is of another run (seed: 1 -> 0)" in refused.output


def test_two_damaged_states_are_one_sentence(folder: Path) -> None:
    run_folder = copy_of(folder, "both damaged")
    for name in ("latest_state.pt", "previous_state.pt"):
        (run_folder / name).write_bytes(b"nothing")
    failed = train(run_folder.parent, "--continue_train", expect=1)
    assert failed.output.count("is damaged") == 2
    assert failed.output.splitlines()[-1].startswith("Error: ")
    assert "There is no older state" in failed.output


def test_a_full_disk_is_warned_about_once_and_training_continues(folder: Path) -> None:
    runs = folder / "full for a while"
    full = FULL.format(first=-4, last=-6)
    output = train(runs, *PIX2PIX, before=full).output
    assert "cannot be written: No space left on device" in output
    assert "The previous checkpoint is intact." in output
    assert "Traceback" not in output
    missing = ["1_net_D.pth is missing", "1_net_G.pth is missing"]  # their epoch ended while the disk was full
    assert differences(folder / "whole" / "run", runs / "run") == missing
    assert not list((runs / "run").glob(".part-*"))


def test_the_last_save_failing_is_an_error(folder: Path) -> None:
    runs = folder / "full at the end"
    failed = train(runs, *PIX2PIX, before=FULL.format(first=-6, last=-10000), expect=1)
    assert failed.output.splitlines()[-1].startswith("Error: '")
    assert "No space left on device" in failed.output.splitlines()[-1]
    assert "The previous checkpoint is intact" not in failed.output.splitlines()[-2]  # said once, as the error
    more = train(runs, "--continue_train")
    assert "Resuming 'run'" in more.output
    assert differences(folder / "whole" / "run", runs / "run") == []


def test_a_folder_that_vanishes_ends_in_one_sentence(folder: Path) -> None:
    removes_folder = """
import shutil
from pixlate.runs.training import Trainer
end_step = Trainer.end_step
def removing(self, *step):
    shutil.rmtree(self.run.folder, ignore_errors=True)
    return end_step(self, *step)
Trainer.end_step = removing
"""
    failed = train(folder / "vanished", *PIX2PIX, before=removes_folder, expect=1)
    assert "No such file or directory" in failed.output.splitlines()[-1]
    assert "Traceback" not in failed.output


def test_options_that_cannot_be_stored_end_the_run_before_it_starts(folder: Path) -> None:
    refuse = """
import errno, os
import pixlate.options.command.stored as stored
def refuse(path, data, **how):
    raise stored_error(path)
def stored_error(path):
    from pixlate.util.files import cannot_write
    return cannot_write(path, OSError(errno.EROFS, os.strerror(errno.EROFS)))
stored.write_whole = refuse
"""
    failed = train(folder / "read only", *PIX2PIX, before=refuse, expect=1)
    assert failed.output.splitlines()[-1].startswith("Error: '")
    assert "options.json' cannot be written: Read-only file system" in failed.output.splitlines()[-1]
    assert "(epoch: 1" not in failed.output


def test_a_page_that_the_disk_refused_is_written_when_it_can_be(folder: Path) -> None:
    refuse = """
import errno, os
import pixlate.util.html as html
from pixlate.util.files import cannot_write
write, calls = html.write_whole, []
def refuse(path, data):
    calls.append(path)
    if 2 <= len(calls) <= 4:
        error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise cannot_write(path, error) from error
    write(path, data)
html.write_whole = refuse
"""
    output = train(folder / "page", *PIX2PIX, before=refuse).output
    assert output.count("will try again") == 1
    assert "left out" not in output
    page = (folder / "page" / "run" / "web" / "index.html").read_text()
    assert "finished" in page
    assert "epoch [3]" in page


def test_a_snapshot_is_of_its_moment_and_uses_its_memory_again() -> None:
    weight, steps = torch.ones(4, 3, 2, 2).to(memory_format=torch.channels_last), torch.tensor(1)
    snapshot = Snapshot()
    first = snapshot.take({"weight": weight, "more": [(steps, 5, "x")]})
    weight += 1
    assert torch.equal(first["weight"], torch.ones(4, 3, 2, 2))
    assert first["weight"].is_contiguous()
    assert first["more"][0][1:] == (5, "x")
    address = first["weight"].data_ptr()
    second = snapshot.take({"weight": weight, "more": [(steps, 5, "x")]})
    assert second["weight"].data_ptr() == address
    assert torch.equal(second["weight"], weight)
    third = snapshot.take({"weight": weight[:2], "more": [steps.double()]})
    assert third["weight"].shape == (2, 3, 2, 2)
    assert third["more"][0].dtype == torch.float64


def test_reading_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No such file"):
        read_state(tmp_path / "none.pt")
    with pytest.raises(CheckpointError, match="Is a directory"):
        read_state(tmp_path)


@pytest.mark.parametrize("form", ["old format", "no checksums inside"])
def test_a_state_that_nothing_proves_whole_is_damaged_where_the_checksum_beside_it_differs(
    tmp_path: Path, form: str
) -> None:
    path = tmp_path / "state.pt"
    write_state(path, {"a": torch.ones(3)})
    computes = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    torch.save({"a": torch.zeros(3)}, path, _use_new_zipfile_serialization=form != "old format")
    torch.serialization.set_crc32_options(computes)
    with pytest.raises(DamagedError, match="its checksum is not the one beside it"):
        read_state(path)
    path.with_name("state.pt.sha256").unlink()
    assert read_state(path)["a"].tolist() == [0, 0, 0]


def test_states_of_other_programs_are_refused_in_a_sentence(folder: Path) -> None:
    run_folder = copy_of(folder, "other states")
    (run_folder / "previous_state.pt").unlink()
    (run_folder / "latest_state.pt.sha256").unlink()
    state = state_of(run_folder)
    for change, sentence in (
        ({"format": 2}, "newer version of pixlate"),
        ({"position": {"epoch": "x"}}, "not the state of a run"),
        ({"tags": ["../../x"]}, "not the state of a run"),
        ({"logs": {"losses.jsonl": -1}}, "not the state of a run"),
        ({"model": {"networks": {}}}, "does not fit the model"),
    ):
        torch.save(state | change, run_folder / "latest_state.pt")
        files = contents(run_folder)
        failed = train(run_folder.parent, "--continue_train", "--n_epochs", "5", expect=1)
        assert sentence in failed.output
        assert failed.output.splitlines()[-1].startswith("Error: ")
        assert contents(run_folder) == files
