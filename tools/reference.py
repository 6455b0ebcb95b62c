"""`make reference`: write `docs/reference/` anew from the code. A house test says when a page is stale."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from unittest.mock import patch

import msgspec

from moyai.base.config import Config
from moyai.base.errors import CODES

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "reference"
HEAD = "<!-- Written by `make reference` from the code; change it there. -->\n\n"


class NotDocumented(Exception):
    """Something that an operator or engineer meets has no explanation in the code."""


def exists(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def table(heads: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


# --- settings -----------------------------------------------------------------------------------------


def type_name(kind: Any) -> str:
    choices = get_args(kind)
    if choices and all(isinstance(choice, str) for choice in choices):
        return " | ".join(f"`{choice}`" for choice in choices)
    return getattr(kind, "__name__", str(kind))


def default_text(default: object) -> str:
    if default is msgspec.NODEFAULT:
        return "required"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def settings(shape: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """(path, type, default, meaning) of every setting. Raises NotDocumented if one has no meaning."""
    hints = get_type_hints(shape, include_extras=True)
    for field in msgspec.structs.fields(shape):
        hint = hints[field.name]
        meta: list[Any] = [*get_args(hint)[1:]] if get_origin(hint) is Annotated else []
        kind = get_args(hint)[0] if meta else hint
        path = f"{prefix}{field.encode_name}"
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from settings(kind, f"{path}.")
            continue
        meaning = next((each.description for each in meta if getattr(each, "description", None)), None)
        if meaning is None:
            raise NotDocumented(f"setting {path} has no description in moyai/base/config.py")
        yield path, type_name(kind), default_text(field.default), meaning


def settings_page() -> str:
    rows = [(f"`{path}`", kind, default, meaning) for path, kind, default, meaning in settings(Config)]
    return (
        "# Settings\n\n`moyai.toml` in a platform's directory. Unknown settings are refused by name. Passwords and "
        "keys are never in it: they lie sealed in `secrets.sealed`, under the key in `keys/kek`.\n\n"
        + table(("setting", "type", "default", "meaning"), rows)
    )


# --- commands, codes, acts, routes ----------------------------------------------------------------------


def commands_page() -> str:
    app: Any = importlib.import_module("moyai.cli").app
    # The usage lines name the running program; here that shall be `moyai`, whoever runs this.
    with patch.object(sys, "argv", ["moyai"]):
        text: str = app.generate_docs(output_format="markdown", recursive=True, heading_level=1)
    return "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"


def codes_page() -> str:
    rows = [
        (f"`{name}`", code.status, f"{code.ja}<br>{code.en}", f"{code.next_ja}<br>{code.next_en}")
        for name, code in CODES.items()
    ]
    return (
        "# Error codes\n\nEvery problem document carries one of these as `code`; programs match on the code, "
        "never on the text. A running platform explains each at `/errors/CODE`.\n\n"
        + table(("code", "status", "what", "what to do next"), rows)
    )


def acts_page() -> str:
    contents: dict[Any, Any] = importlib.import_module("moyai.ledger.contents").CONTENTS
    rows = [
        (kind.value, f"`{kind.code}`", kind.ja, kind.en, _members(content))
        for kind, content in contents.items()
    ]
    part = importlib.import_module("moyai.ledger.contents").Part
    return (
        "# Acts in the ledger\n\nEvery act that matters is one entry of one of these kinds. Numbers never change: "
        "they are in the leaves of the log. Each commits to a content of these members, with the version `v` of their "
        "meaning; what is at its default is left out. Entries from before a kind had a version keep what was written. "
        "Each of `sources` holds "
        + _members(part)
        + ".\n\n"
        + table(("number", "kind", "日本語", "English", "members"), sorted(rows))
    )


def _members(shape: Any) -> str:
    return ", ".join(f"`{name}`" for name in shape.__struct_fields__)


def demand_text(demand: Any) -> str:
    """Who may call, in a few words, from the demand's own fields."""
    if hasattr(demand, "demands"):
        return " or ".join(demand_text(each) for each in demand.demands)
    detail = getattr(demand, "scope", None) or ", ".join(getattr(demand, "roles", ()))
    words = {"Public": "anybody", "PortalSession": "resident (portal)", "StaffSession": "staff"}
    name = words.get(type(demand).__name__, type(demand).__name__.lower())
    return f"{name} `{detail}`" if detail else name


def routes_page() -> str:
    routes: Any = importlib.import_module("moyai.web.routes").ROUTES
    rows = [
        (each.method, f"`{each.path}`", demand_text(each.auth), f"{each.ja}<br>{each.en}") for each in routes
    ]
    return (
        "# Routes\n\nThe whole URL table and who may call each. A running platform shows requests, answers and "
        "codes at `/docs` and `/openapi.json`.\n\n" + table(("method", "path", "who", "what"), rows)
    )


def desk_acts_page() -> str:
    desk: Any = importlib.import_module("moyai.web.desk_acts").DESK_ACTS
    registry: Any = importlib.import_module("moyai.web.registry_acts").REGISTRY_ACTS
    heads = ("act", "evidence", "second person", "notice")
    tables = [
        table(heads, [(one.act, one.evidence, one.second, one.notice) for one in acts])
        for acts in (desk, registry)
    ]
    return (
        "# Acts of staff and programs\n\nWhat each act takes, and who can read that it was done. Each line is held by a "
        "test (`moyai/web/desk_acts.py`, `moyai/web/registry_acts.py`). Where an act waits, it takes effect as exactly the "
        "change that was asked for, once two members of staff with different staff numbers stand for it, or 24 hours "
        "after the first of them asked for it or stood for it (a program and a file are nobody); until then it can be revoked, "
        "and it is void if the text that it rests on changes. The first `moyai up` or "
        "`moyai apply` on a platform without any organisation waits for nobody: nobody is there yet.\n\n"
        "## At the desk, and about staff\n\n"
        + tables[0]
        + "\n## At the registry and the console\n\n"
        + tables[1]
    )


PAGES: dict[str, tuple[str, Callable[[], str]]] = {
    "settings.md": ("moyai.base.config", settings_page),
    "commands.md": ("moyai.cli", commands_page),
    "codes.md": ("moyai.base.errors", codes_page),
    "acts.md": ("moyai.ledger.model", acts_page),
    "desk-acts.md": ("moyai.web.desk_acts", desk_acts_page),
    "routes.md": ("moyai.web.routes", routes_page),
}


def pages() -> dict[str, str]:
    """File name → text, of every page whose subject exists."""
    return {name: HEAD + page() for name, (module, page) in PAGES.items() if exists(module)}


def stale() -> list[str]:
    """The pages that differ from what the code says now."""
    return [
        name
        for name, text in pages().items()
        if not (TARGET / name).exists() or (TARGET / name).read_text(encoding="utf-8") != text
    ]


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    for name in stale():
        (TARGET / name).write_text(pages()[name], encoding="utf-8")
        print(f"wrote docs/reference/{name}", file=sys.stderr)


if __name__ == "__main__":
    main()
