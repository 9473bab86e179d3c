"""A run in a notebook: its name, its state, where it is, and its config and summary."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rltrack._values import finite

if TYPE_CHECKING:
    from rltrack._run import Run

_MOST_ROWS: Final = 30
_MOST_CHARACTERS: Final = 200
_COLOURS: Final = {"running": "#2563eb", "finished": "#15803d", "preempted": "#a16207"}


def html_of(run: Run) -> str:
    """The run as a card of HTML, which needs nothing from anywhere else."""
    colour = _COLOURS.get(run.state, "#b91c1c")
    where = f"<code>{html.escape(str(run.folder))}</code>" if run.folder else "nothing is recorded"
    return (
        '<div style="border:1px solid #8884;border-radius:6px;padding:.6em .9em;max-width:60em">'
        f"<b>{html.escape(run.name)}</b> "
        f'<span style="color:{colour}">{run.state}</span> '
        f"<small>{html.escape(run.path)}, step {run.step:,}</small><br><small>{where}</small>"
        f"{_table('config', run.config)}{_table('summary', run.summary)}</div>"
    )


def show(content: str) -> bool:
    """Display HTML in the notebook that this is; whether it is one."""
    import sys

    display = sys.modules.get("IPython.display")
    if display is None:
        return False
    display.display(display.HTML(content))
    return True


def _table(title: str, values: Mapping[str, Any]) -> str:
    if not values:
        return ""
    items = list(values.items())
    rows = "".join(
        f'<tr><td style="text-align:left">{html.escape(_short(str(key)))}</td>'
        f'<td style="text-align:left">{html.escape(_text(value))}</td></tr>'
        for key, value in items[:_MOST_ROWS]
    )
    more = f"<small>and {len(items) - _MOST_ROWS} more</small>" if len(items) > _MOST_ROWS else ""
    return f"<details><summary>{title}</summary><table>{rows}</table>{more}</details>"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return _short(value if isinstance(value, str) else json.dumps(finite(value), default=str))


def _short(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
