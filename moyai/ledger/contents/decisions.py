"""What a resident decided, stopped, and let others see.

These kinds recorded the same members before they had a version, so that one reader reads both; `versions` is new since.
"""

from __future__ import annotations

from moyai.ledger.contents.content import Content


class Decided(Content, frozen=True, kw_only=True):
    """CONSENT_GIVEN and CONSENT_REFUSED: each link with what was decided, and the version of its text that was read.

    `until` is the end (RFC 3339) of what was prolonged or kept; `text_sha256` the text that was served.
    """

    act_id: str
    service: str
    client: str
    service_terms: int
    platform_terms: int
    links: dict[str, str]
    versions: dict[str, int]
    text_sha256: str
    ial: int
    aal: int
    until: dict[str, str] = {}  # noqa: RUF012 — msgspec makes a new one each time


class Stopped(Content, frozen=True, kw_only=True):
    """CONSENT_WITHDRAWN and SERVICE_LEFT. `versions`: what had been consented to, where it is known.

    `organization_id`, `form` and `document_class` where a desk did it: the office, the number of the request that was
    signed, and what the identity was checked with.
    """

    act_id: str
    service: str
    client: str
    links: dict[str, str]
    versions: dict[str, int] = {}  # noqa: RUF012 — msgspec makes a new one each time
    left: bool = False
    organization_id: str = ""
    form: str = ""
    document_class: str = ""


class SharingGiven(Content, frozen=True, kw_only=True):
    """SHARING_GIVEN, of these links for so many days, on these versions of their texts. The viewer is named nowhere."""

    sharing_id: str
    client: str
    service: str
    days: int
    links: list[str]
    versions: dict[str, int] = {}  # noqa: RUF012 — msgspec makes a new one each time


class SharingAccepted(Content, frozen=True, kw_only=True):
    """SHARING_ACCEPTED: the viewer, who is known by the sharing alone, took the code."""

    sharing_id: str
    client: str


class SharingEnded(Content, frozen=True, kw_only=True):
    """SHARING_ENDED by the sharer, the viewer, or the system; by a desk as in `Stopped`."""

    sharing_id: str
    client: str
    by: str
    organization_id: str = ""
    form: str = ""
    document_class: str = ""
