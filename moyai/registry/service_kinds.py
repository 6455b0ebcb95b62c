"""The levels that suit each kind of service (guidebook 1.2.4, R-029): data, read from `data/service_kinds.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

import msgspec

from moyai.base.errors import Problem


class ServiceKind(msgspec.Struct, frozen=True):
    ja: str
    en: str
    ial: int
    aal: int


class Levels(msgspec.Struct, frozen=True):
    """What a service requires, and the written reason where that is not what its kind proposes."""

    ial: int
    aal: int
    reason: str | None


@cache
def service_kinds() -> dict[str, ServiceKind]:
    text = resources.files("moyai.registry").joinpath("data/service_kinds.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, ServiceKind])


def levels_for(kind: str, ial: int | None, aal: int | None, reason: str | None) -> Levels:
    """The kind's levels, unless others are asked for with a reason.

    Raises Problem: service_kind_unknown; level_reason_missing (with `proposed`), for others without a reason.
    """
    known = service_kinds().get(kind)
    if known is None:
        raise Problem("service_kind_unknown", f"kind {kind!r}", known=sorted(service_kinds()))
    chosen = (ial or known.ial, aal or known.aal)
    if chosen == (known.ial, known.aal):
        return Levels(*chosen, None)
    if not (reason or "").strip():
        proposed = {"ial": known.ial, "aal": known.aal}
        raise Problem("level_reason_missing", f"kind {kind} proposes {proposed}", proposed=proposed)
    return Levels(*chosen, reason)
