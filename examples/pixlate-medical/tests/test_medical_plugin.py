"""The plugin is listed, with its options, without the libraries that it reads with."""

import subprocess
import sys
from pathlib import Path

from pixlate import get_plugins

PLUGIN = Path(__file__).parents[1] / "pixlate_medical.py"


def test_its_components_are_registered() -> None:
    assert "slices" in get_plugins().registry("dataset").names()
    assert {"dicom", "nifti"} <= set(get_plugins().registry("reader").names())


def test_help_shows_its_options_and_imports_no_library() -> None:
    code = (
        "import sys; from pixlate.__main__ import main\n"
        "try: main(['train', '--dataset_mode', 'slices', '--help'])\n"
        "finally: print('imported:', {'torch', 'pydicom', 'nibabel'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=None)
    assert "--neighbours" in done.stdout
    assert "imported: set()" in done.stdout
