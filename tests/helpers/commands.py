"""`pixlate …` in this process."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest

from pixlate.__main__ import main


class Printed(NamedTuple):
    """What a command printed on stdout and on stderr."""

    out: str
    err: str


def run_pixlate(words: str | Sequence[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> Printed:
    """Run a command of `pixlate`, which must end with this exit code and without a traceback."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(words.split() if isinstance(words, str) else list(words))
    printed = Printed(*capsys.readouterr())
    assert ended.value.code == code, printed.out + printed.err
    assert "Traceback" not in printed.err
    return printed
