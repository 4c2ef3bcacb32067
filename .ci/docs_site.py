"""mkdocs hooks: pages from outside docs/, and links to files of the repository.

Links are written for readers of the repository, relative to the file that they stand in. On the site, a link to a
file with a page goes to that page, and any other to the file in the repository, at POLELAKE_REPOSITORY_URL. Without
that variable the link's text stays, and nothing is linked.
"""

import os
import posixpath
import re
from pathlib import Path

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ["event-relay", "raw-landing", "pole-transform", "snapshot-merge", "quality-report"]

# Files of the repository with a page of their own.
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "reporting.md",
} | {f"functions/{name}/README.md": f"functions/{name}.md" for name in FUNCTIONS}

SOURCES = {page: source for source, page in PAGES.items()}
FENCE_OR_LINK = re.compile(r"(?P<fence>^```.*?^```)|\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)", re.M | re.S)


def on_files(files, config):
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown, page, config, files):
    source = SOURCES.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    return FENCE_OR_LINK.sub(lambda found: rewrite_link(found, source, page.file.src_uri), markdown)


def rewrite_link(found, source, page):
    target = found["target"]
    if found["fence"] or target.startswith("#") or "://" in target:
        return found[0]

    path, _, anchor = target.partition("#")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    anchor = f"#{anchor}" if anchor else ""
    if not (ROOT / path).exists():
        raise PluginError(f"{source}: there is no {path}")

    if destination := page_of(path):
        return f"[{found['text']}]({posixpath.relpath(destination, posixpath.dirname(page) or '.')}{anchor})"
    if repository := os.environ.get("POLELAKE_REPOSITORY_URL"):
        return f"[{found['text']}]({repository}/blob/main/{path}{anchor})"
    return found["text"]


def page_of(path):
    """The page or file of the site that shows a file of the repository."""
    if path in PAGES:
        return PAGES[path]
    if path == "docs/adr":
        return "adr/README.md"
    if path.startswith("docs/") and (ROOT / path).is_file():
        return path.removeprefix("docs/")
    return None
