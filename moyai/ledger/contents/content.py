"""What the contents of all acts have in common; `contents` says which kind of act has which."""

from __future__ import annotations

from typing import Any

import msgspec


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag=1):
    """The base of all contents; `v` is the class's version. What is at its default is left out of the text."""


class Replaced(msgspec.Struct, frozen=True, omit_defaults=True):
    """One member before and after. Left out means that there was none.

    Keys stand as their thumbprints (RFC 7638), long public values as {"sha256", "value"}, what may name a person as
    {"sha256"} alone.
    """

    old: Any = None
    new: Any = None
