"""Hooks of mkdocs: pages that lie outside docs/, and links to them, which on a code host are relative paths.

The same Markdown files are read in the repository and on the site, so each link is written for the repository and
translated here. A link to a file that is not part of the site (an example, say) becomes its text.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
#: Pages of the site whose files lie outside docs/, by their path in the repository.
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/RESULTS.md": "results.md",
}
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of `OUTSIDE` to the site."""
    for path, uri in OUTSIDE.items():
        files.append(File.generated(config, uri, content=(ROOT / path).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Translate the page's links, except in blocks of code."""
    uri = page.file.src_uri
    source = next((path for path, outside in OUTSIDE.items() if outside == uri), f"docs/{uri}")
    parts, end = [], 0
    for block in CODE.finditer(markdown):
        parts += [translated(markdown[end : block.start()], source, uri, files), block.group()]
        end = block.end()
    return "".join([*parts, translated(markdown[end:], source, uri, files)])


def translated(text: str, source: str, uri: str, files: Files) -> str:
    """The text with links that lead from the repository's file `source` changed to lead from the page `uri`."""

    def replace(match: re.Match[str]) -> str:
        label, target = match.groups()
        path, anchor, fragment = target.partition("#")
        if not path or "://" in path:
            return match.group()
        repository_path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        linked = OUTSIDE.get(repository_path, repository_path.removeprefix("docs/"))
        if files.get_file_from_path(linked) is None:
            return label
        return f"[{label}]({posixpath.relpath(linked, posixpath.dirname(uri) or '.')}{anchor}{fragment})"

    return LINK.sub(replace, text)
