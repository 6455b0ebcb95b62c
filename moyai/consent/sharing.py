"""Sharing with a related person (guidebook 1.1.2): view only, chosen data, while the grant lives.

The resident chooses links of one service that they consent to, says who the other is and for how many days, and
gets a code that is good once and not for long. The other person logs in with their own resident account (they may
live anywhere) and takes the code. Either side can end it; both see it. What may be viewed is decided again at
every look: `sharing_in_force`, then `gate.permit_shared`. Nothing is shared by deciding about the service: a sharing
never shows more than was consented to when it was made, and what was withdrawn since stays out of it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import msgspec

from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.ids import random_uuid
from moyai.consent import store, store_sharing
from moyai.consent.catalogue import ServiceFacts, facts_of
from moyai.consent.eligibility import require_eligible
from moyai.consent.model import Act, Sharing
from moyai.identity import guessing, residents, step_up
from moyai.identity.guessing import Counter
from moyai.identity.model import ForResident, ResidentCaller
from moyai.ledger import Act as LedgerAct
from moyai.ledger import Kind, record
from moyai.ledger.contents import Content, SharingAccepted, SharingEnded, SharingGiven

CODE_LETTERS = 8
CODE_MINUTES = 24 * 60
"""Long enough to tell somebody over the telephone in the evening; 40 random bits, and few wrong guesses (`identity.guessing`)."""

LONGEST_DAYS = 365

# Crockford's alphabet: a code is read out, so letters that sound or look alike are not in it.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None, "　": None})


VIEWER = "viewer"
"""Who acts on the other side of a sharing, on the record of the one who shares."""


class Offer(msgspec.Struct, frozen=True):
    """A new sharing, and the code that is shown once."""

    sharing: Sharing
    code: str


def new_code() -> str:
    """Two groups of four characters, e.g. `7Q2M-9XKD`."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LETTERS))
    return f"{letters[:4]}-{letters[4:]}"


def normal_form(typed: str) -> str:
    """A code as people type it: small letters, full width, with or without the hyphen, O for 0."""
    half_width = "".join(chr(ord(c) - 0xFEE0) if "！" <= c <= "～" else c for c in typed)
    return half_width.strip().upper().translate(_ALIKE)


def _code_hash(code: str) -> bytes:
    return hashlib.sha256(b"moyai-sharing-code\n" + normal_form(code).encode()).digest()


async def share(
    conn: Connection,
    caller: ResidentCaller,
    service_id: str,
    link_ids: Sequence[str],
    *,
    relation: str,
    viewer_name: str,
    shown_as: str = "",
    days: int,
    sharing_id: UUID | None = None,
) -> Offer:
    """Offer chosen links of one service to somebody. The code is in the answer and nowhere else.

    To show data to somebody asks for the same levels as to consent to its use. Raises Problem: does_not_exist
    (service or link), service_not_offered, outside_user_scope, assurance_insufficient, link_not_shared (a link
    without consent in force), insufficient_user_authentication (no second factor shown just now).
    """
    step_up.require_fresh(caller)
    await store.lock_resident(conn, caller.resident_key)
    facts = await facts_of(conn, service_id)
    links = [facts.link(link_id) for link_id in dict.fromkeys(link_ids)]
    await require_eligible(conn, caller, facts, links)
    states = await store.states_of(conn, caller.resident_key)
    for link in links:
        known = states.get(link.link_key)
        if known is None or not known.in_force or known.outdated:
            raise Problem("link_not_shared", f"link {link.link_id}")
    code = new_code()
    sharing = await store_sharing.insert_sharing(
        conn,
        sharing_id or random_uuid(),
        caller.resident_key,
        facts.service.service_key,
        [link.link_key for link in links],
        relation=relation,
        viewer_name=viewer_name,
        shown_as=shown_as,
        code_hash=_code_hash(code),
        code_minutes=CODE_MINUTES,
        days=days,
    )
    shared = {link.link_id: "shared" for link in links}
    await _keep_act(conn, caller, sharing, "grant", shared)
    given = SharingGiven(
        sharing_id=str(sharing.sharing_id),
        client=caller.client_id,
        service=facts.service.service_id,
        days=days,
        links=list(shared),
        versions={link.link_id: states[link.link_key].version or 0 for link in links},
    )
    await _record(conn, Kind.SHARING_GIVEN, caller, sharing, given)
    return Offer(sharing, code)


async def offered_before(conn: Connection, caller: ResidentCaller, sharing_id: UUID) -> bool:
    """Whether this resident made the sharing with this id already: the same form, sent again.

    Raises Problem form_not_ours for the id of somebody else's.
    """
    await store.lock_resident(conn, caller.resident_key)
    known = await store_sharing.sharing(conn, sharing_id)
    if known is not None and known.resident_key != caller.resident_key:
        raise Problem("form_not_ours", "sharing")
    return known is not None


async def accept(conn: Connection, caller: ResidentCaller, code: str) -> Sharing | None:
    """Take the code. None if no invitation has it (any more): the failed try is then counted, so commit it.

    Counted before it is judged, under a lock of this viewer's: codes sent side by side are judged one after the other.
    Taken again by the same viewer (whose answer was lost), it is the same sharing, and no second act.

    Raises Problem: too_many_requests after too many wrong codes; sharing_with_oneself; Refused resident_inactive.
    """
    counter = Counter(guessing.SHARING, str(caller.resident_key))
    await guessing.take(conn, [counter])
    offered = await store_sharing.offered_under(conn, _code_hash(code))
    earlier = await store_sharing.taken_under(conn, _code_hash(code), caller.resident_key)
    if offered is None and earlier is None:
        return None
    await guessing.give_back(conn, [counter])
    if offered is None:
        assert earlier is not None
        return await _find(conn, earlier)
    if offered.resident_key == caller.resident_key:
        raise Problem("sharing_with_oneself")
    await residents.hold_active(conn, caller.resident_key)
    await store_sharing.accept(conn, offered.sharing_id, caller.resident_key, offered.now)
    taken = await _find(conn, offered.sharing_id)
    accepted = SharingAccepted(sharing_id=str(taken.sharing_id), client=caller.client_id)
    await _record(conn, Kind.SHARING_ACCEPTED, caller, taken, accepted)
    return taken


async def end(conn: Connection, caller: ResidentCaller | ForResident, sharing_id: UUID) -> None:
    """End a sharing, from either side; the next look is refused. Ending twice is no error.

    Raises Problem does_not_exist for anybody who is neither side.
    """
    sharing = await store_sharing.sharing(conn, sharing_id)
    if sharing is None or caller.resident_key not in (sharing.resident_key, sharing.viewer_key):
        raise Problem("does_not_exist", f"sharing {sharing_id}")
    at = await store.now(conn)
    if not await store_sharing.end(conn, sharing_id, at):
        return
    by: Literal["sharer", "viewer"] = "sharer" if caller.resident_key == sharing.resident_key else "viewer"
    if by == "sharer":
        await _keep_act(conn, caller, sharing, "end_grant", {})
    ended = SharingEnded(sharing_id=str(sharing_id), client=caller.client_id, by=by, **caller.request)
    await _record(conn, Kind.SHARING_ENDED, caller, sharing, ended)


async def end_for_links(
    conn: Connection,
    caller: ResidentCaller | ForResident,
    facts: ServiceFacts,
    link_keys: set[int],
    *,
    every: bool,
) -> None:
    """After a withdrawal: end the sharings that have nothing left to show (`every`: all of the service)."""
    for sharing in await store_sharing.sharings_of(conn, caller.resident_key):
        mine = sharing.resident_key == caller.resident_key and sharing.ended_at is None
        if not mine or sharing.service_key != facts.service.service_key:
            continue
        if every or not sharing.versions.keys() - link_keys:
            await end(conn, caller, sharing.sharing_id)


async def sharings(conn: Connection, caller: ResidentCaller | ForResident) -> list[Sharing]:
    """Both what the resident shares and what is shared with them, newest first."""
    return await store_sharing.sharings_of(conn, caller.resident_key)


async def sharing_in_force(conn: Connection, sharing_id: UUID, viewer_key: int) -> Sharing | None:
    """What a viewer may look through at this moment, or None: the gate answers then `grant_not_in_force`.

    Consent, scope and suspension of the links in it are judged by the gate, on the resident who shares.
    """
    return await store_sharing.in_force(conn, sharing_id, viewer_key)


async def _find(conn: Connection, sharing_id: UUID) -> Sharing:
    found = await store_sharing.sharing(conn, sharing_id)
    assert found is not None  # the caller holds its row
    return found


async def _keep_act(
    conn: Connection,
    caller: ResidentCaller | ForResident,
    sharing: Sharing,
    kind: Literal["grant", "end_grant"],
    links: dict[str, str],
) -> None:
    act = Act(
        act_id=random_uuid(),
        service_key=sharing.service_key,
        kind=kind,
        presentation_id=None,
        sha256=None,
        content={"sharing_id": str(sharing.sharing_id), "links": links},
        receipt=None,
        client_id=caller.client_id,
        acted_at=await store.now(conn),
    )
    await store.insert_act(conn, caller.resident_key, act)


async def _record(
    conn: Connection,
    kind: Kind,
    caller: ResidentCaller | ForResident,
    sharing: Sharing,
    detail: Content,
) -> None:
    """On the record of the resident who shares, also what the viewer does.

    The viewer is named by the sharing alone: their ID is not the sharer's to know, and would outlive their erasure.
    """
    own = caller.resident_key == sharing.resident_key
    act = LedgerAct(
        kind=kind,
        actor=caller.actor if own else VIEWER,
        resident_key=sharing.resident_key,
        detail=detail,
    )
    await record(conn, act)
