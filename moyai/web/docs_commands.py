"""A request as one line for the shell: `moyai call METHOD URL …`, to be copied as it stands."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any
from urllib.parse import quote

from moyai.web.docs_requests import Sent
from moyai.web.operation import Operation


def command(operation: Operation, sent: Sent, base_url: str) -> str:
    """The line; two, piped, where the second needs what only the answer of the first says."""
    line = f"moyai call {operation.method} {_quoted(base_url + _path(operation, sent) + _query(sent))}"
    for name, value in _options(sent):
        line += f" --{name} {_quoted(value)}"
    if sent.pipe is None:
        return line
    return f"{command(*sent.pipe, base_url)} | {line}"


def _options(sent: Sent) -> list[tuple[str, str]]:
    options = [(name, value) for name in ("client", "resident") if (value := getattr(sent, name))]
    options += [("take", f"{name}={source}") for name, source in sent.take.items()]
    options += [("form", f"{name}={value}") for name, value in sent.form.items()]
    if sent.body is not None:
        options.append(("data", json.dumps(sent.body, ensure_ascii=False)))
    return options


def _path(operation: Operation, sent: Sent) -> str:
    """The path with what the page knows; other parameters stay in braces, and are found when it is sent."""
    path = operation.path.replace(":path}", "}")
    for name, value in sent.path.items():
        path = path.replace(f"{{{name}}}", _escaped(value, "/"))
    return path


def _query(sent: Sent) -> str:
    pairs = [f"{name}={_escaped(value)}" for name, value in sent.query.items()]
    return f"?{'&'.join(pairs)}" if pairs else ""


def _escaped(value: Any, also: str = "") -> str:
    """Percent-encoded, but for what people can read: letters of every script (they are sent encoded)."""
    return "".join(one if one.isalnum() or one in ",.:~-_" + also else quote(one) for one in str(value))


def _quoted(text: str) -> str:
    """Quoted for a shell only where it needs to be: `shlex` would quote letters that are not ASCII, too."""
    plain = re.fullmatch(r"[\w@%+=:,./-]+", text)
    return text if plain else shlex.quote(text)
