"""Updates the files that docs/plugins.md shows, after a change of them: `python docs/plugins_page.py`.

A block of code after a comment such as <!-- sketches.py --> is the text of that file.
"""

import re
import sys
from pathlib import Path

from pixlate import get_plugins
from pixlate.plugins.commands.scaffold import package_files

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "plugins.md"
BLOCK = re.compile(r"<!-- (\S+) -->\n```(\w+)\n.*?```", re.DOTALL)


def files() -> dict[str, str]:
    """The text of each file that the page may show: those of `pixlate new-plugin mine`, and the one-file example."""
    package = package_files(get_plugins(), "mine")
    example = ROOT / "examples" / "one-file" / "sketches.py"
    return {f"pixlate-mine/{path}": text for path, text in package.items()} | {example.name: example.read_text("utf-8")}


def page() -> str:
    """The page with the files as they are now. Raises KeyError for a file that is not there."""
    texts = files()
    return BLOCK.sub(lambda block: f"<!-- {block[1]} -->\n```{block[2]}\n{texts[block[1]]}```", PAGE.read_text("utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    sys.stdout.write(f"{PAGE} is written\n")
