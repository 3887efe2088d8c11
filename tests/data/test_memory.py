"""Free memory: the least of what the machine, each control group and the process have left."""

import os
from pathlib import Path

import pytest

from pixlate.data import memory
from pixlate.data.memory import free_memory

MIB = 1 << 20
GROUPS = {  # kind of control groups: mount line, membership, files of limit and use, name in memory.stat
    "v1": ("/memory - cgroup cgroup rw,memory", "4:memory:/job", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    "v2": (" - cgroup2 cgroup2 rw", "0::/job", "memory.max", "memory.current"),
}


class Machine:
    """A file system with what Linux says about memory."""

    def __init__(self, root: Path, kind: str) -> None:
        self.root = root
        mount, self.member, self.limit, self.used = GROUPS[kind]
        self.mount = "/sys/fs/cgroup" + mount.split(" ")[0]
        self.options = mount.partition(" - ")[2]
        self.write("proc/meminfo", "MemTotal: 99999999 kB\nMemAvailable: 8388608 kB\n")
        self.enter("", "/")

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def enter(self, below: str, shown: str) -> None:
        """Put the process into a group; `shown` is the group that the mount shows."""
        self.write("proc/self/mountinfo", f"32 31 0:29 {shown} {self.mount} rw,nosuid - {self.options}\n")
        self.write("proc/self/cgroup", f"9:name=systemd:/\n{self.member}{below}\n")

    def limits(self, group: str, limit: object, used: int, inactive: int = 0) -> None:
        folder = f"{self.mount.lstrip('/')}/{group}".rstrip("/")
        self.write(f"{folder}/{self.limit}", f"{limit}\n")
        self.write(f"{folder}/{self.used}", f"{used}\n")
        self.write(f"{folder}/memory.stat", f"anon 5\ninactive_file {inactive}\ntotal_inactive_file {inactive}\n")


@pytest.fixture(params=list(GROUPS))
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Machine:
    monkeypatch.setattr(memory, "ROOT", tmp_path)
    return Machine(tmp_path, request.param)


def test_without_limits_it_is_what_the_system_has(machine: Machine) -> None:
    assert free_memory() == 8192 * MIB
    machine.limits("job", 2**63 - 4096 if machine.limit.endswith("bytes") else "max", 100 * MIB)
    assert free_memory() == 8192 * MIB


@pytest.mark.parametrize("group", ["job/step/task", "job/step", "job", ""])
def test_the_limit_of_every_ancestor_counts(machine: Machine, group: str) -> None:
    machine.enter("/step/task", "/")
    machine.limits(group, 1000 * MIB, 400 * MIB, inactive=50 * MIB)
    assert free_memory() == 650 * MIB
    machine.limits("job", 500 * MIB, 400 * MIB)
    assert free_memory() == 100 * MIB
    machine.limits("job", 300 * MIB, 400 * MIB)
    assert free_memory() == 0


def test_a_container_that_sees_the_path_of_its_host(machine: Machine) -> None:
    machine.enter("/docker", "/job/docker")
    machine.limits("", 700 * MIB, 100 * MIB)
    assert free_memory() == 600 * MIB


def test_a_group_outside_of_what_is_shown(machine: Machine) -> None:
    machine.enter("/../../other", "/")
    machine.limits("", 700 * MIB, 100 * MIB)
    assert free_memory() == 600 * MIB


@pytest.mark.parametrize("text", ["", "nonsense\n", ":::\n", "1 2 3 - \n", "a - cgroup2\n"])
def test_odd_files_are_ignored(machine: Machine, text: str) -> None:
    for name in ("mountinfo", "cgroup", "statm"):
        machine.write(f"proc/self/{name}", text)
        assert free_memory() == 8192 * MIB


def test_the_high_mark_of_a_group_is_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "ROOT", tmp_path)
    machine = Machine(tmp_path, "v2")
    machine.limits("job", "max", 100 * MIB)
    machine.write("sys/fs/cgroup/job/memory.high", f"{400 * MIB}\n")
    assert free_memory() == 300 * MIB


def test_a_system_without_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "ROOT", tmp_path)
    assert free_memory() == memory.UNKNOWN


@pytest.mark.parametrize("name", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_the_limits_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(memory, "ROOT", tmp_path)
    Machine(tmp_path, "v2").write("proc/self/statm", "1000 500 100 5 0 1000 0\n")
    limit = getattr(resource, name)
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (900 * MIB, 900 * MIB) if which == limit else unlimited)
    assert free_memory() == 900 * MIB - 1000 * os.sysconf("SC_PAGE_SIZE")


def test_this_machine_has_some() -> None:
    assert 2**20 < free_memory() < 2**50
