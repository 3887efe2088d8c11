"""pixlate: image translation with pix2pix, CycleGAN, and models that anybody can install as plugins.

    translate = pixlate.load("checkpoints/facades_pix2pix")
    translate(Image.open("labels.png")).save("photo.png")

These names are stable, and so are those of sub-packages in docs/plugins.md. They are imported at their first use.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pixlate._version import __version__

_FOLDER = Path(__file__).resolve().parent
if not (_FOLDER / "models").is_dir():  # a source tree: sub-packages lie beside this folder, in a wheel inside it
    __path__.append(str(_FOLDER.parent))

from pixlate.util.lazy import lazy_exports  # noqa: E402  # needs the path above

if TYPE_CHECKING:
    from pixlate.api import (
        create_dataset,
        create_discriminator,
        create_generator,
        create_model,
        evaluate,
        from_pretrained,
        load,
        open_run,
    )
    from pixlate.data.transforms import preprocess
    from pixlate.default_plugins import forget_plugins, get_plugins
    from pixlate.inference.tile_files import translate_file
    from pixlate.inference.tiling.options import TileOptions
    from pixlate.inference.translator import Translator
    from pixlate.runs.judging.evaluation import Evaluation
    from pixlate.runs.record import RunRecord

_MODULES = {
    "Evaluation": "pixlate.runs.judging.evaluation",
    "RunRecord": "pixlate.runs.record",
    "TileOptions": "pixlate.inference.tiling.options",
    "Translator": "pixlate.inference.translator",
    "create_dataset": "pixlate.api",
    "create_discriminator": "pixlate.api",
    "create_generator": "pixlate.api",
    "create_model": "pixlate.api",
    "evaluate": "pixlate.api",
    "forget_plugins": "pixlate.default_plugins",
    "from_pretrained": "pixlate.api",
    "get_plugins": "pixlate.default_plugins",
    "load": "pixlate.api",
    "open_run": "pixlate.api",
    "preprocess": "pixlate.data.transforms",
    "translate_file": "pixlate.inference.tile_files",
}

__all__ = [
    "Evaluation",
    "RunRecord",
    "TileOptions",
    "Translator",
    "__version__",
    "create_dataset",
    "create_discriminator",
    "create_generator",
    "create_model",
    "evaluate",
    "forget_plugins",
    "from_pretrained",
    "get_plugins",
    "load",
    "open_run",
    "preprocess",
    "translate_file",
]

__getattr__, __dir__ = lazy_exports(__name__, _MODULES)
