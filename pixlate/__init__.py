"""pixlate: image translation with pix2pix, CycleGAN, and models that anybody can install as plugins.

    translate = pixlate.load("checkpoints/facades_pix2pix")
    translate(Image.open("labels.png")).save("photo.png")

Everything here is stable; what stands in sub-packages is too where docs/plugins.md names it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HERE = Path(__file__).resolve().parent
if not (_HERE / "models").is_dir():  # a source tree: the sub-packages lie beside this folder
    __path__.append(str(_HERE.parent))

from pixlate.util.lazy import lazily  # noqa: E402

if TYPE_CHECKING:
    from pixlate.data.create import create_dataset
    from pixlate.data.transforms import preprocess
    from pixlate.models.create import create_model
    from pixlate.models.networks.create import create_discriminator, create_generator
    from pixlate.translator import Translator, load

_HOMES = {
    "create_dataset": "pixlate.data.create",
    "create_discriminator": "pixlate.models.networks.create",
    "create_generator": "pixlate.models.networks.create",
    "create_model": "pixlate.models.create",
    "load": "pixlate.translator",
    "preprocess": "pixlate.data.transforms",
    "Translator": "pixlate.translator",
}

__all__ = [
    "Translator",
    "__version__",
    "create_dataset",
    "create_discriminator",
    "create_generator",
    "create_model",
    "load",
    "preprocess",
]

__getattr__ = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
