"""What a resident allowed whom, for which purpose.

A consent is stored per link (provider component → consumer component, dataset, purpose), under one act of the
resident that names the service, and only with the hash of the text that was served to that session. `gate` turns
what is in force into a Permit, or refuses.

The nouns: `enrolment` (five steps), `presentation` (the text), `decisions`, `withdrawal`, `receipts`, `sharing`,
`overview`, `history`, `audit`, `erase`.
"""

from moyai.consent import (
    audit,
    decisions,
    enrolment,
    erase,
    history,
    overview,
    presentation,
    receipts,
    sharing,
    withdrawal,
)
from moyai.consent.audit import state_as_of
from moyai.consent.catalogue import facts_of
from moyai.consent.model import ThisPlatform
from moyai.consent.sharing import sharing_in_force

__all__ = [
    "ThisPlatform",
    "audit",
    "decisions",
    "enrolment",
    "erase",
    "facts_of",
    "history",
    "overview",
    "presentation",
    "receipts",
    "sharing",
    "sharing_in_force",
    "state_as_of",
    "withdrawal",
]
