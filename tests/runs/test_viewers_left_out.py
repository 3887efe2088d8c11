"""A viewer that is not installed does not cost the next one."""

from types import SimpleNamespace

from pixlate.errors import OptionError
from pixlate.runs.events import make_viewers


def test_the_viewers_after_one_that_is_missing_are_made() -> None:
    def missing() -> object:
        raise OptionError("tensorboard is not installed.")

    class Viewer:
        pass

    components = [SimpleNamespace(load=missing), SimpleNamespace(load=lambda: Viewer, config=None)]
    [(component, viewer)] = make_viewers(None, components)  # type: ignore[arg-type]
    assert component is components[1]
    assert isinstance(viewer, Viewer)
