"""pixlate: plugin-based image translation."""

from pathlib import Path

__version__ = "0.1.0"

_HERE = Path(__file__).resolve().parent
if not (_HERE / "models").is_dir():  # a source tree: the sub-packages lie beside this folder
    __path__.append(str(_HERE.parent))
