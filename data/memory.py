"""The memory that is still free: of the machine, within the limits of containers, batch jobs and the process itself."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

UNKNOWN = 2**30  # bytes, an assumption for systems without /proc

ROOT = Path("/")  # of the file system
#: For each version of control groups, the files of a group's limits and of what is used.
_FILES = {
    "cgroup": (("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file"),
    "cgroup2": (("memory.max", "memory.high"), "memory.current", "inactive_file"),
}


def free_memory() -> int:
    """The bytes of memory that this process and those that it starts can still use without swapping.

    The smallest of what is available to the system, to each control group of this process and their ancestors (in which
    containers and job schedulers enclose it), and within its own limits (ulimit -v and -d).
    """
    return max(0, min([_available_memory(), *_free_in_groups(), *_free_of_process()]))


def _available_memory() -> int:
    with suppress(OSError, ValueError, StopIteration):
        lines = (ROOT / "proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    return UNKNOWN


def _free_in_groups() -> Iterator[int]:
    """The bytes that are free in each control group with a limit."""
    for folder, kind in _groups():
        limits, used, reclaimable = _FILES[kind]
        for limit in limits:
            with suppress(OSError, ValueError):  # a group without a limit contains "max"
                free = int((folder / limit).read_text()) - int((folder / used).read_text())
                yield free + _statistic(folder, reclaimable)


def _statistic(folder: Path, name: str) -> int:
    """A value of memory.stat; that of files in the page cache, which count as used, but give way."""
    with suppress(OSError, ValueError, StopIteration):
        lines = (folder / "memory.stat").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.split()[0] == name)
    return 0


def _groups() -> Iterator[tuple[Path, str]]:
    """The folder of each control group for memory that this process is in, and of all its ancestors, with its kind."""
    for mount, root, kind in _mounts():
        group = _group_of_process(kind)
        if group is None:
            continue
        # A container may see the whole path while only a part of the tree is mounted.
        inside = group.removeprefix(root.rstrip("/")).strip("/") if group.startswith(root) else ""
        parts = [] if ".." in inside.split("/") else [part for part in inside.split("/") if part]
        for depth in range(len(parts), -1, -1):
            yield mount.joinpath(*parts[:depth]), kind


def _mounts() -> Iterator[tuple[Path, str, str]]:
    """Where control groups for memory are mounted: the folder, the group that it shows, and the kind."""
    with suppress(OSError, UnicodeDecodeError):
        for line in (ROOT / "proc/self/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            fields, kinds = before.split(), after.split()
            if len(fields) < 5 or len(kinds) < 3:
                continue
            if kinds[0] == "cgroup2" or (kinds[0] == "cgroup" and "memory" in kinds[2].split(",")):
                yield ROOT / fields[4].lstrip("/"), fields[3], kinds[0]


def _group_of_process(kind: str) -> str | None:
    """The path of the process's group; None where it is in none of that kind."""
    with suppress(OSError, UnicodeDecodeError):
        for line in (ROOT / "proc/self/cgroup").read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            if "memory" in controllers.split(",") if kind == "cgroup" else number == "0":
                return path
    return None


def _free_of_process() -> Iterator[int]:
    """What is free within the limits of this process: of its address space, and of its data."""
    try:
        import resource
    except ImportError:  # Windows
        return
    with suppress(OSError, ValueError, IndexError):
        pages = [int(number) for number in (ROOT / "proc/self/statm").read_text().split()]
        for name, used in (("RLIMIT_AS", pages[0]), ("RLIMIT_DATA", pages[5])):
            limit = resource.getrlimit(getattr(resource, name))[0]
            if limit != resource.RLIM_INFINITY:
                yield limit - used * os.sysconf("SC_PAGE_SIZE")
