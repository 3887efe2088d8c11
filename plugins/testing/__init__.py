"""Fixtures and contract tests for the test suites of plugins.

    # tests/conftest.py
    pytest_plugins = ["pixlate.plugins.testing"]

    # tests/test_mine.py
    from pixlate.plugins.testing import check_model

    def test_mine() -> None:
        check_model("mine")

- `check_model(name)`, `check_dataset(name, dataroot)`: check the contract of a model or a data set; an
  AssertionError names the requirement that is not met.
- fixture `installed_plugin`: installs a plugin from source for one test.
- fixture `tiny_dataset`: writes a folder of a few synthetic images, "aligned", "unaligned" or "single".
"""

from .checks import check_dataset, check_model
from .fixtures import install_plugin, installed_plugin, tiny_dataset, write_images

__all__ = ["check_dataset", "check_model", "install_plugin", "installed_plugin", "tiny_dataset", "write_images"]
