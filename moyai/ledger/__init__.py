"""The append-only record of acts, exchanges and refusals: a Merkle log whose leaves hide what they commit to.

`record` joins the caller's transaction. The `integrator` gives entries their order and signs checkpoints;
`public` answers what is under `/log/v1`; `verify` is the program that trusts nothing but keys.
"""

from moyai.ledger.actions import (
    daily,
    deletions_since,
    done_to_since,
    erase_contents,
    forget_keys,
    history,
    last_actor,
    mismatched_contents,
    newest,
    opening,
    record,
    recorded_since,
    recorded_under,
    remember_key,
)
from moyai.ledger.model import Act, Daily, Event, Kind, Recorded, Sealed, Status

__all__ = [
    "Act",
    "Daily",
    "Event",
    "Kind",
    "Recorded",
    "Sealed",
    "Status",
    "daily",
    "deletions_since",
    "done_to_since",
    "erase_contents",
    "forget_keys",
    "history",
    "last_actor",
    "mismatched_contents",
    "newest",
    "opening",
    "record",
    "recorded_since",
    "recorded_under",
    "remember_key",
]
