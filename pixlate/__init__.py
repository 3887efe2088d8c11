"""pixlate: image translation with pix2pix, CycleGAN, and models that anybody can install as plugins.

    translate = pixlate.load("checkpoints/facades_pix2pix")
    translate(Image.open("labels.png")).save("photo.png")

Everything here is stable, and so is what docs/plugins.md names in sub-packages. Names are imported at their first use.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pixlate._version import __version__

_HERE = Path(__file__).resolve().parent
if not (_HERE / "models").is_dir():  # a source tree: there the sub-packages lie beside this folder, in a wheel in it
    __path__.append(str(_HERE.parent))

from pixlate.util.lazy import lazy_exports  # noqa: E402

if TYPE_CHECKING:
    from pixlate.api import create_dataset, create_discriminator, create_generator, create_model, load
    from pixlate.data.transforms import preprocess
    from pixlate.default_plugins import forget_plugins, get_plugins
    from pixlate.inference.translator import Translator

_HOMES = {
    "Translator": "pixlate.inference.translator",
    "create_dataset": "pixlate.api",
    "create_discriminator": "pixlate.api",
    "create_generator": "pixlate.api",
    "create_model": "pixlate.api",
    "forget_plugins": "pixlate.default_plugins",
    "get_plugins": "pixlate.default_plugins",
    "load": "pixlate.api",
    "preprocess": "pixlate.data.transforms",
}

__all__ = [
    "Translator",
    "__version__",
    "create_dataset",
    "create_discriminator",
    "create_generator",
    "create_model",
    "forget_plugins",
    "get_plugins",
    "load",
    "preprocess",
]

__getattr__, __dir__ = lazy_exports(__name__, _HOMES)
