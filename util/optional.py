"""Libraries that are not installed by default, each by an extra of its own."""

from importlib.util import find_spec

from pixlate.errors import OptionError


def require_extra(module: str, extra: str, what: str) -> None:
    """Raise OptionError where a library is not installed.

    - extra: the one of pixlate that installs it.
    - what: what needs it, as the start of a sentence: "--viewer tensorboard".
    """
    if find_spec(module) is None:
        raise OptionError(f"{what} needs {module}: pip install 'pixlate[{extra}]'.")
