"""What acts on the platform itself commit to: restores and keys."""

from __future__ import annotations

from moyai.ledger.contents.content import Content


class PlatformRestored(Content, frozen=True, kw_only=True):
    """A backup was put back. What was acknowledged after `state_at` and up to `lost_until` is lost ("" : nothing is).

    `stops` of the journal were repeated; `journal` is false where it was lost, too. `continues` names the log that
    was cut back to `continues_size` entries, where the log had to be given a new origin.
    """

    restore_id: str
    state_at: str
    lost_until: str = ""
    journal: bool
    stops: int
    origin: str
    continues: str = ""
    continues_size: int = 0


class StoreRestored(Content, frozen=True, kw_only=True):
    """STORE_RESTORED: one organisation's store was put back. What it stored after `state_at` up to `lost_until` is lost.

    `items` came back, `withheld` did not: of people who are no longer active, or deleted since.
    """

    restore_id: str
    organization_id: str
    state_at: str
    lost_until: str = ""
    items: int
    withheld: int


class KeyRotated(Content, frozen=True, kw_only=True):
    """KEY_ROTATED: another key signs. Keys are named by their thumbprints (RFC 7638).

    `verifies_until` is when the old one stops verifying, "" where what it signed is kept for good.
    """

    purpose: str
    old: str
    new: str
    verifies_until: str = ""


class KeyRevoked(Content, frozen=True, kw_only=True):
    """KEY_REVOKED: nothing that this key signed verifies any more. `new` is the one that signs now."""

    purpose: str
    key_id: str
    new: str
    reason: str
