"""The gate: turns a question into a Permit, or raises Refused with the reason (guidebook 1.1.5, 3.2.5).

What it knows, it reads from the primary at the moment of the question: the client, both organisations, the link,
the service and its scope, the resident, the consent. Nothing of it is cached. Whatever is missing refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from moyai import ledger, registry
from moyai.base.db import Connection, Record
from moyai.base.errors import Refused
from moyai.consent import store_gate
from moyai.consent.permit import ErasurePermit, Holder, Permit, RestorePermit, Tie, gate_seal
from moyai.identity import pairwise
from moyai.identity.model import Resident
from moyai.identity.residents import find
from moyai.ledger.release import NEVER_MS, Judged
from moyai.registry import lookups, standing

GIVEN, REFUSED, WITHDRAWN = 1, 2, 3
"""`consent.state.state`"""

Row = Record | dict[str, Any]
"""The facts on one link, by the names of `store_gate`'s columns."""

_CONSENT_CODES = {None: "consent_missing", REFUSED: "consent_refused", WITHDRAWN: "consent_withdrawn"}

OWN_CODES = (
    "forbidden",
    "organization_suspended",
    "organization_not_certified",
    "subject_unknown",
    "resident_inactive",
    "provider_not_registered",
)
"""With what a component's own items are refused (`permit_own`)."""

GATE_CODES = (
    *OWN_CODES[:-1],
    "consumer_not_linked",
    "purpose_not_registered",
    "service_suspended",
    "service_not_certified",
    "outside_user_scope",
    "consent_missing",
    "consent_refused",
    "consent_withdrawn",
    "consent_expired",
    "consent_outdated",
    "terms_outdated",
    "assurance_insufficient",
)
"""With what a question is refused (`ask`). Every route that asks declares them."""


class Question(msgspec.Struct, frozen=True):
    """May this consumer have this dataset of this person, for this purpose?

    `subject` is the consumer component's pairwise subject, a checked UUID string.
    """

    client_key: int
    component_key: int
    subject: str
    dataset_key: int
    purpose_key: int


class Verdict(msgspec.Struct, frozen=True):
    """The gate's answer to one question: permits and refusals, one per registered link.

    `resident_key` is 0 when the subject is unknown. A question to which no registered link answers has one refusal. `judged` is
    what the release is compared with.
    """

    resident_key: int
    judged: Judged
    permits: list[Permit]
    refusals: list[Refusal]


class OwnVerdict(msgspec.Struct, frozen=True):
    """Whether a component may work on its own items: a permit, or the code of the refusal."""

    permit: Permit | None
    code: str | None
    judged: Judged


class Refusal(msgspec.Struct, frozen=True):
    """One closed link: the code, and the provider where there is a link at all."""

    code: str
    dataset_key: int
    link_id: str | None = None
    component_id: str | None = None
    organization_id: str | None = None
    extra: dict[str, Any] | None = None

    def raised(self) -> Refused:
        return Refused(self.code, None, **(self.extra or {}))


async def ask(conn: Connection, questions: Sequence[Question]) -> list[Verdict]:
    """Answer all questions that wait, with one statement; each is judged after it arrived."""
    rows = await store_gate.standing_of_links(
        conn,
        [q.client_key for q in questions],
        [q.component_key for q in questions],
        [q.subject for q in questions],
        [q.dataset_key for q in questions],
        [q.purpose_key for q in questions],
    )
    grouped = [list[Record]() for _ in questions]
    for row in rows:
        n: int = row["n"]
        grouped[n - 1].append(row)
    return [await _verdict(conn, q, found) for q, found in zip(questions, grouped, strict=True)]


async def _verdict(conn: Connection, question: Question, rows: list[Record]) -> Verdict:
    permits: list[Permit] = []
    refusals: list[Refusal] = []
    for row in _answering(rows):
        code = judge(row)
        if code is None:
            permits.append(_permit(row, row["consent_items"]))
            continue
        if code == "link_missing":
            # a link that was ended names itself; where there never was one, the reason has to be found
            ended = row["link_key"] is not None
            code = "consumer_not_linked" if ended else await _why_no_link(conn, question)
        refusals.append(_refusal(code, row, question.dataset_key))
    return Verdict(rows[0]["resident_key"] or 0, _judged(rows, permits), permits, refusals)


def _answering(rows: Sequence[Record]) -> Sequence[Record]:
    """The links that answer a question: those that are registered. Where none is, the one that ended last says so; beside
    one that took its place it says nothing."""
    live = [row for row in rows if row["link_state"] == "registered"]
    return live or [max(rows, key=lambda row: row["link_key"] or 0)]


def _judged(rows: Sequence[Record], permits: Sequence[Permit]) -> Judged:
    first = rows[0]
    ends = [permit.ends_ms for permit in permits]
    return Judged(
        first["resident_key"] or 0,
        first["registry_epoch"],
        first["resident_epoch"],
        min(ends, default=NEVER_MS),
    )


def _milliseconds(at: datetime | None) -> int:
    return NEVER_MS if at is None else int(at.timestamp() * 1000)


def judge(row: Row) -> str | None:
    """The rules, in the order in which they are told: None if the link is open, else the code of the first
    that fails. Unknown or missing facts fail. (Guidebook 1.2.1 scope, 1.2.4 levels, 3.2.5 consent.)

    A consent is to a version of the link. It opens the items that still mean what was read; a text that says
    anything else now (another purpose, party, meaning) makes it outdated. See `registry.link_coverage`. Terms that
    changed only make the service pause, from the date on that was published with them.
    """
    if row["client_state"] != "active" or not row["client_may_exchange"]:
        return "forbidden"
    if row["organization_state"] != "certified":
        return standing.of_organization(row["organization_state"])
    if row["resident_key"] is None or row["tie_ended"]:
        return "subject_unknown"
    if row["resident_state"] != "active":
        return "resident_inactive"
    if row["link_key"] is None or row["link_state"] != "registered":
        return "link_missing"
    return _judge_link(row)


def _judge_link(row: Row) -> str | None:
    for state in (row["provider_state"], row["consumer_state"]):
        if state != "certified":
            return standing.of_organization(state)
    if row["service_state"] != "certified":
        return standing.of_kept_service(row["service_state"])
    if not row["in_scope"]:
        return "outside_user_scope"
    if row["consent_state"] != GIVEN:
        return _CONSENT_CODES[row["consent_state"]]
    if row["consent_expired"] is not False:
        return "consent_expired"
    if not row["consent_items"]:
        return "consent_outdated"
    if row["terms_outdated"] is not False:
        return "terms_outdated"
    if row["ial"] < row["required_ial"] or row["consent_aal"] < row["required_aal"]:
        return "assurance_insufficient"
    if row["provider_subject"] is None:
        return "subject_unknown"
    return None


async def _why_no_link(conn: Connection, question: Question) -> str:
    other = await store_gate.consumer_has_other_purpose(conn, question.component_key, question.dataset_key)
    return "purpose_not_registered" if other else "consumer_not_linked"


def _refusal(code: str, row: Record, dataset_key: int) -> Refusal:
    extra: dict[str, Any] | None = None
    if code == "assurance_insufficient":
        extra = {
            "required": {"ial": row["required_ial"], "aal": row["required_aal"]},
            "actual": {"ial": row["ial"], "aal": row["consent_aal"]},
        }
    if code == "consent_outdated":
        extra = {"consented_version": row["consent_version"]}
    if code == "terms_outdated":
        extra = {"accept_at": f"/portal/services/{row['service_id']}/terms"}
    return Refusal(
        code,
        dataset_key,
        row["link_id"],
        row["provider_component_id"],
        row["provider_organization_id"],
        extra,
    )


def _permit(row: Record, items: Sequence[str]) -> Permit:
    return Permit(
        gate_seal(),
        at=row["at"],
        resident_key=row["resident_key"],
        dataset_key=row["dataset_key"],
        dataset_id=row["dataset_id"],
        component_key=row["provider_component_key"],
        component_id=row["provider_component_id"],
        organization_key=row["provider_organization_key"],
        organization_id=row["provider_organization_id"],
        provider_subject=row["provider_subject"],
        link_id=row["link_id"],
        items=tuple(items),
        version=row["consent_version"],
        version_key=row["version_key"],
        ends_ms=_milliseconds(row["consent_ends"]),
    )


async def permit_own(
    conn: Connection,
    *,
    client_key: int,
    component_key: int,
    component_id: str,
    organization_id: str,
    subject: str,
    dataset_key: int,
    dataset_id: str,
) -> OwnVerdict:
    """May this component keep (store, read, delete) its own items of this dataset for this person?

    A refusal has one of `OWN_CODES`. Raises Refused("forbidden") where there is no such client of the component.
    """
    row = await store_gate.standing_of_provider(conn, client_key, component_key, subject, dataset_key)
    code = _judge_own(row)
    if row is None:
        raise Refused("forbidden")
    if code is not None:
        return OwnVerdict(None, code, _judged([row], []))
    permit = Permit(
        gate_seal(),
        at=row["at"],
        resident_key=row["resident_key"],
        dataset_key=dataset_key,
        dataset_id=dataset_id,
        component_key=component_key,
        component_id=component_id,
        organization_key=row["organization_key"],
        organization_id=organization_id,
        provider_subject=subject,
        link_id=None,
    )
    return OwnVerdict(permit, None, _judged([row], [permit]))


def _judge_own(row: Record | None) -> str | None:
    if row is None or row["client_state"] != "active":
        return "forbidden"
    if row["organization_state"] != "certified":
        return standing.of_organization(row["organization_state"])
    if row["resident_key"] is None or row["tie_ended"]:
        return "subject_unknown"
    if row["resident_state"] != "active":
        return "resident_inactive"
    if not row["provides"]:
        return "provider_not_registered"
    return None


async def permit_shared(
    conn: Connection, *, resident_key: int, link_keys: Sequence[int], version_keys: Sequence[int | None]
) -> tuple[list[Permit], list[Refusal]]:
    """What a relative may view: of the links the resident chose to share, those that are open for the resident, and of
    these the items that the version they were shared on (beside them in `version_keys`) opens, too.

    The caller has checked that the sharing itself is in force; scope is judged on the resident who shares.
    """
    rows = await store_gate.standing_of_resident_links(conn, resident_key, link_keys, version_keys)
    permits: list[Permit] = []
    refusals: list[Refusal] = []
    for row in rows:
        code = judge(row)
        items = [name for name in row["consent_items"] or () if name in (row["shared_items"] or ())]
        if code is None and not items:
            code = "grant_not_in_force"
        if code is None:
            permits.append(_permit(row, items))
        else:
            refusals.append(_refusal(_as_told(code), row, row["dataset_key"]))
    return permits, refusals


async def why_closed(conn: Connection, resident: Resident) -> dict[int, str]:
    """Of the consents that a resident gave, those through which nothing can flow now, with the code, by link_key.

    The same rules as for a question. Whether the source has an account of this resident is not asked: that is no
    word on the consent.
    """
    known = {
        "client_state": "active",
        "client_may_exchange": True,
        "organization_state": "certified",
        "resident_key": resident.resident_key,
        "resident_state": resident.state,
        "tie_ended": False,
        "ial": resident.ial,
        "provider_subject": "",
    }
    rows = await store_gate.standing_of_consents(conn, resident.resident_key, resident.municipality_code)
    codes = {row["link_key"]: judge({**row, **known}) for row in rows}
    return {key: _as_told(code) for key, code in codes.items() if code is not None}


def _as_told(code: str) -> str:
    """A link that is known by name and is not there has ended."""
    return "consumer_not_linked" if code == "link_missing" else code


async def permit_erasure(conn: Connection, resident_key: int) -> ErasurePermit:
    """Leave to erase what every component keeps about a resident whom the desk has closed for erasure.

    Raises Refused("forbidden") while the resident is active: what is erased must not be added to meanwhile.
    """
    resident = await find(conn, resident_key)
    if resident is None or resident.state != "closed":
        raise Refused("forbidden", "the resident is not closed for erasure")
    ties: list[Tie] = []
    for component_key, subject in await pairwise.ties_of(conn, resident_key):
        component = await lookups.component_by_key(conn, component_key)
        ties.append(Tie(component_key, component.organization_key, str(subject)))
    return ErasurePermit(gate_seal(), resident_key, ties)


async def permit_restore(conn: Connection, organization_key: int, since: datetime) -> RestorePermit:
    """What may come back from a copy of an organisation's store that is as it was at `since`: of active residents whom its
    components know, without those datasets from which something is on record as deleted at or after `since`.

    A deletion on record does not say which item it was: of that person and dataset nothing comes back.
    """
    components = {
        one.component_key: one.component_id
        for one in await registry.all_components(conn)
        if one.organization_key == organization_key
    }
    holders = {
        row["subject"]: Holder(row["resident_key"], row["component_key"])
        for row in await store_gate.active_subjects(conn, list(components))
    }
    subjects = {(one.resident_key, components[one.component_key]): key for key, one in holders.items()}
    withheld = frozenset(
        (subjects[resident_key, component_id], dataset_id)
        for resident_key, component_id, dataset_id in await ledger.deletions_since(conn, since)
        if (resident_key, component_id) in subjects
    )
    return RestorePermit(
        gate_seal(), organization_key=organization_key, since=since, holders=holders, withheld=withheld
    )
