"""A widget without Jupyter: the same script on a plain page, with a stand-in for the kernel's model."""

from __future__ import annotations

import base64
import html
import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from ..figures import palette

if TYPE_CHECKING:
    from .base import Widget

_STAND_IN = (Path(__file__).parent / "stand_in.js").read_text("utf8")
_TRAITS = ("state", "start", "facts", "index", "driven", "error")


def fragment(widget: Widget) -> str:
    """One widget as HTML: a still picture with its sentence, and the script that takes their place."""
    name = f"nl-{secrets.token_hex(6)}"  # several may stand on one page
    traits = {trait: getattr(widget, trait) for trait in _TRAITS}
    told = {"id": name, "traits": traits, "packed": base64.b64encode(widget.packed).decode()}
    script = str(widget._esm).replace("export default", "const theWidget =") + _STAND_IN
    script = script.replace("__TOLD__", json.dumps(told, allow_nan=False))
    sentence = html.escape(widget.summary())
    return (
        f'<div id="{name}" class="nl-page"><style>{widget._css}</style>'
        f"<figure>{widget.picture()}<figcaption>{sentence}</figcaption></figure>"
        f'<script type="module">{script.replace("</", "<" + chr(92) + "/")}</script></div>'
    )


def page(widget: Widget, path: str | os.PathLike[str], title: str) -> Path:
    """Write one widget as one HTML file that works without a kernel and without a network.

    Args:
        widget: any of ours, in the state to be shown first.
        path: where to; folders are made.
        title: of the page, in words.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n"
        f"<style>:root{{color-scheme:light dark}}\n{palette.css('body')}"
        "body{margin:24px;background:var(--nl-paper);color:var(--nl-ink);font-family:system-ui,sans-serif}</style>\n"
        f"<body><main>{fragment(widget)}</main></body>\n</html>\n",
        "utf8",
    )
    return path
