"""The base of what acts commit to; `contents` says which kind of act has which content."""

from __future__ import annotations

import msgspec


class Content(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag=1):
    """The base of all contents; `v` is the class's version. What is at its default is left out of the text."""
