"""A hook of MkDocs: links of the docs to files of the repository that are no pages.

The pages lie in the repository and link to its files, as whoever reads them there expects. On the site such a link
leads to the file in the repository (``repo_url``); where that is not known, its text stays and leads nowhere.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any

log = logging.getLogger("mkdocs.hooks.source_links")

_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>\.{1,2}/[^)\s]+)\)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Return the page with its links to files outside the docs' folder led to the repository.

    A link to what is not there is told as a warning, by which a strict build fails.
    """
    page_file = Path(page.file.abs_src_path)
    docs = Path(config.docs_dir).resolve()

    def led(match: re.Match[str]) -> str:
        path, _, anchor = match["target"].partition("#")
        file = Path(os.path.normpath(page_file.parent / path))
        if file.is_relative_to(docs):
            return match[0]  # MkDocs looks after those itself
        if not file.exists():
            log.warning("%s links to %s, which is not there", page.file.src_uri, match["target"])
        if not config.repo_url:
            return match["text"]
        kind = "tree" if file.is_dir() else "blob"
        within = file.relative_to(docs.parent).as_posix()
        return f"[{match['text']}]({config.repo_url.rstrip('/')}/{kind}/main/{within}{'#' if anchor else ''}{anchor})"

    kept, led_to, end = [], _LINK.sub, 0
    for block in _BLOCK.finditer(markdown):
        kept += [led_to(led, markdown[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*kept, led_to(led, markdown[end:])])
