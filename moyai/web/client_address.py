"""Where a request comes from: the peer, or what a proxy that the settings trust says of it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import Request


def client_address(request: Request) -> str:
    """`X-Forwarded-For` counts only from a trusted proxy, and of it the last address that is not such a proxy: what
    stands before that, anybody may have written."""
    client = request.scope.get("client")
    peer: str = client[0] if client else ""
    trusted: list[str] = request.app.state.platform.config.server.trusted_proxies
    if not trusted or not _trusted(peer, tuple(trusted)):
        return peer
    named = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    return next((a.strip() for a in reversed(named) if not _trusted(a.strip(), tuple(trusted))), "") or peer


@lru_cache(maxsize=1024)
def _trusted(address: str, networks: tuple[str, ...]) -> bool:
    try:
        known = ip_address(address)
    except ValueError:
        return False
    return any(known in ip_network(network, strict=False) for network in networks)


@lru_cache(maxsize=4096)
def neighbourhood(address: str) -> str:
    """What one party holds: an IPv4 address; of IPv6 the network of 64 bits that each connection is given."""
    try:
        known = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(known, IPv6Address) and known.ipv4_mapped is None:
        return str(ip_network((known, 64), strict=False))
    return address
