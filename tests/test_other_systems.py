"""Windows and macOS, as far as Linux can show it: what only POSIX systems have is hidden, and workers are spawned."""

import os
import subprocess
import sys
from pathlib import Path

from image_files import write_pairs
from paths import ROOT
from trainings import PIX2PIX

#: Runs at the start of each interpreter, those of workers included. Python's own modules that start processes decide at
#: import which system they are on, so they are imported first; none of pixlate's modules is.
HIDING = """
import multiprocessing.popen_spawn_posix, multiprocessing.resource_tracker, multiprocessing.spawn
import multiprocessing.synchronize, os, shutil, signal, subprocess, sys, tempfile, types
multiprocessing.resource_tracker.signal = types.SimpleNamespace(**vars(signal))  # it has no other way on Linux
for name in ("fcntl", "grp", "pwd", "readline", "resource", "syslog", "termios", "tty", "pty"):
    sys.modules[name] = None
for name in ("chown", "fchmod", "fork", "getpgid", "getpgrp", "getsid", "geteuid", "getgid", "getlogin", "getuid",
             "killpg", "lchown", "mkfifo", "nice", "pread", "pwrite", "sched_getaffinity", "setsid",
             "posix_fadvise", "posix_fallocate", "getloadavg", "sysconf", "O_CLOEXEC", "O_DIRECTORY",
             "O_NOFOLLOW", "O_NONBLOCK"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGALRM", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGTSTP", "SIGUSR1", "SIGUSR2",
             "pthread_sigmask", "pthread_kill", "setitimer", "sigwait", "alarm", "siginterrupt"):
    if hasattr(signal, name):
        delattr(signal, name)
if multiprocessing.get_start_method(allow_none=True) is None:
    multiprocessing.set_start_method("spawn")
"""

#: Trains with workers, resumes, tests and loads, all in one process.
USE = """
import sys

def command(*args):
    from pixlate.__main__ import main
    sys.argv = ["pixlate", *args]
    try:
        main()
    except SystemExit as stop:
        assert not stop.code, (args, stop.code)

if __name__ == "__main__":
    *options, runs = sys.argv[1:]
    command("train", *options, "--checkpoints_dir", runs)
    command("train", *options, "--checkpoints_dir", runs, "--continue_train", "--n_epochs_decay", "2")
    command("test", "--checkpoints_dir", runs, "--results_dir", runs + "/results", "--num_threads", "1")
    import pixlate
    from PIL import Image
    assert pixlate.load(runs + "/run")(Image.new("RGB", (32, 32))).size == (32, 32)
    assert "torch" in sys.modules
    print("all done")
"""


def test_training_resuming_testing_and_loading_need_nothing_of_posix_systems_alone(tmp_path: Path) -> None:
    write_pairs(tmp_path / "images", count=4)
    write_pairs(tmp_path / "images", "test", count=2)
    (tmp_path / "hiding").mkdir()
    (tmp_path / "hiding" / "sitecustomize.py").write_text(HIDING)
    (tmp_path / "use.py").write_text(USE)
    options = ("--dataroot", tmp_path / "images", "--name", "run", *PIX2PIX, "--n_epochs", "1", "--num_threads", "1")
    ran = subprocess.run(
        [sys.executable, tmp_path / "use.py", *map(str, options), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": f"{tmp_path / 'hiding'}{os.pathsep}{ROOT}", "PIXLATE_PLUGINS": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.endswith("all done\n")
    assert "Traceback" not in ran.stderr
