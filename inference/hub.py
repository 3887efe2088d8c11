"""Trained models on the Hugging Face Hub."""

from pathlib import Path

from pixlate._version import __version__
from pixlate.errors import CheckpointError
from pixlate.util.optional import require_extra
from pixlate.util.text import one_line, quoted

from .pretrained import CONFIG, EXTRA, WEIGHTS, is_pretrained


def pretrained_folder(name: str | Path, revision: str = "") -> Path:
    """The folder of a saved model: a local one, or a copy of a repository of the Hub in the cache of huggingface_hub.

    - name: the folder, or "owner/name" of the repository.
    - revision: of the repository: a branch, tag or commit; empty for its main branch.

    Raises CheckpointError where there is no such model, OptionError where huggingface_hub is not installed.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not is_pretrained(folder):
            raise CheckpointError(
                f"{quoted(folder)} has no {CONFIG} and {WEIGHTS}: save a model there with Translator.save_pretrained, "
                "or load a run's folder with pixlate.load."
            )
        return folder
    if str(name).count("/") != 1 or folder.is_absolute() or str(name).startswith("."):
        raise CheckpointError(f"there is no folder {quoted(folder)}, and a repository of the Hub is 'owner/name'.")
    require_extra("huggingface_hub", EXTRA, f"loading {quoted(str(name))} from the Hub")
    import huggingface_hub

    try:
        # Two files alone: a repository may hold anything else beside them.
        for file in (CONFIG, WEIGHTS):
            local = huggingface_hub.hf_hub_download(
                str(name), file, revision=revision or None, library_name="pixlate", library_version=__version__
            )
    except Exception as error:  # its own classes, those of its HTTP client, and ValueError for a bad name
        raise CheckpointError(
            f"there is no folder {quoted(folder)}, and the Hub did not give the repository of this name: "
            f"{one_line(error)}."
        ) from error
    return Path(local).parent
