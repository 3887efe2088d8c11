"""How hints name another command of pixlate."""

import pytest

from pixlate.util.program import program, spelled

UV = {"UV_RUN_RECURSION_DEPTH": "1"}


@pytest.mark.parametrize(
    ("script", "module", "environ", "test", "other"),
    [
        ("/env/bin/pixlate", "", {}, "pixlate test", "pixlate plugins"),
        ("/env/bin/pixlate", "", UV, "uv run pixlate test", "uv run pixlate plugins"),
        ("train.py", "", {}, "python3 test.py", "python3 -m pixlate plugins"),
        ("train.py", "", UV, "uv run test.py", "uv run python -m pixlate plugins"),
        ("../my code/train.py", "", {}, "python3 '../my code/test.py'", "python3 -m pixlate plugins"),
        ("/x/__main__.py", "pixlate.__main__", {}, "python3 -m pixlate test", "python3 -m pixlate plugins"),
        ("/x/__main__.py", "pixlate.__main__", UV, "uv run python -m pixlate test", "uv run python -m pixlate plugins"),
        ("/x/train.py", "pixlate.train", {}, "python3 -m pixlate.test", "python3 -m pixlate plugins"),
        ("/env/bin/pytest", "", {"UV": "/bin/uv"}, "pixlate test", "pixlate plugins"),
    ],
)
def test_commands_are_named_as_the_user_started_this_one(
    script: str, module: str, environ: dict[str, str], test: str, other: str
) -> None:
    named = [spelled(name, script, python="python3", module=module, environ=environ) for name in ("test", "plugins")]
    assert named == [test, other]


def test_of_another_program() -> None:
    """pixlate is used in this process by pytest."""
    assert program("test").endswith("pixlate test")
