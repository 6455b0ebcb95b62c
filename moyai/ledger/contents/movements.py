"""What moved, or did not: exchanges, refusals, shared views, items that were stored or deleted, imports.

These kinds recorded the same members before they had a version, so that one reader reads both; what is new since is
`link_id` and `version`: the link, and the text of it that the resident had read.
"""

from __future__ import annotations

import msgspec

from moyai.ledger.contents.content import Content


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One source's part: who, what kind, how many, or why not (`code`). Never the items."""

    dataset: str
    status: str
    provider: str = ""
    provider_organization: str = ""
    link_id: str = ""
    version: int | None = None
    items: int | None = None
    code: str = ""


class Exchanged(Content, frozen=True, kw_only=True):
    """EXCHANGE. `digest` is the SHA-256 of the results as they were given."""

    consumer: str
    consumer_organization: str
    purpose: str
    digest: str
    sources: list[Part]


class Repeated(Content, frozen=True, kw_only=True):
    """EXCHANGE_REPEATED: a retry was answered. `exchange` is the entry of the exchange that it repeats."""

    consumer: str
    consumer_organization: str
    purpose: str
    digest: str
    sources: list[Part]
    exchange: str


class Refusal(Content, frozen=True, kw_only=True):
    """REFUSAL: of an exchange, a look-up (`consumer` asked for `purpose`), a component's own items (`consumer`), or a view
    through `sharing_id` (by `client`). `code` where it is one reason for all of it."""

    sources: list[Part]
    consumer: str = ""
    consumer_organization: str = ""
    purpose: str = ""
    digest: str = ""
    sharing_id: str = ""
    client: str = ""
    code: str = ""


class SharedView(Content, frozen=True, kw_only=True):
    """SHARED_VIEW: the viewer of the sharing looked, through `client`."""

    sharing_id: str
    client: str
    sources: list[Part]


class ItemsChanged(Content, frozen=True, kw_only=True):
    """ITEMS_STORED and ITEMS_DELETED, by the provider."""

    dataset: str
    provider: str
    provider_organization: str
    items: int


class Imported(Content, frozen=True, kw_only=True):
    """IMPORTED: a file of city data, by its name and SHA-256, and what became of its rows."""

    dataset: str
    file: str
    sha256: str
    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
