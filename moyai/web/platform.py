"""What a `serve` process holds while it runs; handlers find it as `request.app.state.platform`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from moyai.base.config import Config, Home
from moyai.base.db import Database
from moyai.base.keys import KeyRing
from moyai.base.secrets import SecretBox
from moyai.base.storage import Space
from moyai.identity.proof_queue import ProofQueue
from moyai.identity.tokens import TokenVerifier
from moyai.personal.exchange import Exchange
from moyai.personal.names import Names
from moyai.personal.stores import Stores
from moyai.web.health import Probe
from moyai.web.rate_limits import RateLimits


@dataclass
class Platform:
    """Configuration, database access and keys of one process."""

    home: Home
    config: Config
    control: Database
    context: Database | None
    box: SecretBox
    keys: KeyRing
    tokens: TokenVerifier
    proofs: ProofQueue
    stores: Stores
    names: Names
    hot: Exchange
    health: Probe
    extras: dict[str, Any] = field(default_factory=dict[str, Any])
    space: Space = field(init=False)
    limits: RateLimits = field(init=False)
    under_way: int = 0
    over_tls: bool = field(init=False)
    """Whether browsers reach the platform by https."""

    def __post_init__(self) -> None:
        self.over_tls = self.base_url.startswith("https://")
        self.space = Space(self.home)
        self.limits = RateLimits(self.config.limits)

    @property
    def base_url(self) -> str:
        return self.config.server.base_url

    @property
    def cookie_name(self) -> str:
        """Cookies carry the instance, so that two platforms on one host name do not collide in a browser. Over TLS, the
        prefix has browsers take them from this very host alone (RFC 6265bis, section 4.1.3)."""
        prefix = "__Host-" if self.over_tls else ""
        return f"{prefix}moyai_{self.config.platform.id}_{self.config.server.port}_session"
