"""What each kind of process may open, so that one that is taken over opens nothing of another's."""

from __future__ import annotations

from typing import Literal

from moyai.base.config import Held, Home
from moyai.base.roles import PROVISION, SERVE, WORKER

Process = Literal["serve", "worker"]

AREAS: dict[Process, tuple[str, ...]] = {
    "serve": ("signing-key:oidc", "signing-key:receipt", "signing-key:grant", "store", "totp", "browser"),
    "worker": ("signing-key:log", "store"),
}
ROLES: dict[Process, tuple[str, ...]] = {"serve": (SERVE,), "worker": (WORKER, PROVISION)}


def held_by(home: Home, process: Process) -> Held:
    """What to hand over to a process of this kind. Whoever asks has the key-encryption key."""
    return home.hold(AREAS[process], ROLES[process])
