"""The public names of packages: listed, imported at their first use, and no others."""

import subprocess
import sys

import pytest

import pixlate
import pixlate.data
import pixlate.models

PACKAGES = (pixlate, pixlate.data, pixlate.models)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_public_name_is_listed_and_exists(package: object) -> None:
    names = package.__all__  # type: ignore[attr-defined]
    assert set(names) <= set(dir(package))
    assert all(getattr(package, name) is not None for name in names)
    with pytest.raises(AttributeError, match="has no attribute 'nothing_of_that_name'"):
        _ = package.nothing_of_that_name  # type: ignore[attr-defined]


def test_importing_the_packages_imports_no_torch() -> None:
    imports = "import sys, pixlate, pixlate.data, pixlate.models, pixlate.plugins"
    code = f"{imports}\ndir(pixlate)\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stdout == "False\n"
