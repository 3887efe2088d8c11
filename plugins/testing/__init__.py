"""For the tests of plugins: fixtures and contracts.

    # tests/conftest.py
    pytest_plugins = ["pixlate.plugins.testing"]

    # tests/test_mine.py
    from pixlate.plugins.testing import check_model

    def test_mine() -> None:
        check_model("mine")

- `check_model(name)`, `check_dataset(name, dataroot)`: all that a model and a data set must do; AssertionError says
  what one does not.
- fixture `installed_plugin`: installs a plugin for one test, from its source.
- fixture `tiny_dataset`: a folder with a few drawn images, "aligned", "unaligned" or "single".
"""

from .checks import check_dataset, check_model
from .fixtures import install_plugin, installed_plugin, tiny_dataset, write_images

__all__ = ["check_dataset", "check_model", "install_plugin", "installed_plugin", "tiny_dataset", "write_images"]
