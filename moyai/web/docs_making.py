"""What the requests of `/docs` are made with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moyai.web.docs_facts import Facts

Make = Callable[[Facts], dict[str, Any]]
"""The members of a `Sent` in which a request differs from its operation's example. `pipe` names an operation."""

REGISTRY = "/registry/v1"


def after(*needs: str) -> Make:
    """The example, once these were sent."""
    return lambda _: {"after": needs}
