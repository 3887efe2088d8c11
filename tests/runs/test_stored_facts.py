"""What a stored run is compared by when it is continued."""

import pytest
import torch

from pixlate.errors import OptionError
from pixlate.runs.checkpoints.compatibility import check_same_data, content_changed, machine_fingerprint


def facts(files: int, digest: str = "a", content: str | None = "c") -> dict[str, dict[str, object]]:
    return {"data": {"files": files, "digest": digest, "content": content}}


def test_equal_data_pass_wherever_they_are() -> None:
    check_same_data(facts(3), facts(3, content="d"), "run")


def test_files_of_other_names_are_told_from_more_files() -> None:
    with pytest.raises(OptionError, match="was trained on 3 files of other names"):
        check_same_data(facts(3), facts(3, "b"), "run")
    with pytest.raises(OptionError, match="was trained on 3 files and there are 4 now"):
        check_same_data(facts(3), facts(4, "b"), "run")


def test_replaced_content_is_noticed_where_it_is_known() -> None:
    assert content_changed(facts(3), facts(3, content="d"))
    assert not content_changed(facts(3), facts(3))
    assert not content_changed(facts(3, content=None), facts(3))


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_the_machine_of_a_cpu_is_its_instruction_set(device: str) -> None:
    machine = machine_fingerprint(device)
    assert machine["device"] == device
    assert machine["instructions"] == torch.backends.cpu.get_cpu_capability()
    assert machine["threads"] == torch.get_num_threads()
