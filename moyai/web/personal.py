"""`/personal/v1`: components store, locate and exchange residents' items (guidebook 1.1.4, 1.1.5)."""

from __future__ import annotations

import re

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem
from moyai.consent import gate
from moyai.consent.gate import Verdict
from moyai.identity.model import ClientCaller
from moyai.ledger import Kind
from moyai.ledger.contents import LocationsRead, Part, Refusal
from moyai.ledger.release import Release, prepare
from moyai.personal.door import until_released
from moyai.personal.exchange import ProofOfSender
from moyai.personal.locations import locations_of
from moyai.personal.model import (
    ExchangeAnswer,
    ExchangeRequest,
    Location,
)
from moyai.web.auth import proof_of
from moyai.web.operation import answer, describes, header, read_json, read_query
from moyai.web.platform import Platform

_SUBJECT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RETRY_KEY = re.compile(r"[\x21-\x7e]{1,200}")

EXAMPLE_SUBJECT = "3f0c5f4e-8f7e-4a51-9c1b-2f3f8f3c9f10"


class Locations(msgspec.Struct, frozen=True):
    subject: str
    locations: list[Location]


class LocationQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    purpose: str
    dataset: str


def _platform(request: Request) -> Platform:
    return request.app.state.platform


def subject_of(request: Request) -> str:
    subject: str = request.path_params["subject"]
    if not _SUBJECT.fullmatch(subject):
        raise Problem("subject_unknown")
    return subject


def actor_of(caller: ClientCaller) -> str:
    return f"component:{caller.component_id}"


@describes(
    response=Locations,
    query=LocationQuery,
    codes=(*gate.GATE_CODES, "dataset_unknown"),
    example={
        "path": {"subject": EXAMPLE_SUBJECT},
        "query": {"dataset": "steps", "purpose": "health-support"},
    },
)
async def locations(request: Request, caller: ClientCaller) -> Response:
    """Where data of one kind about one person lies: holder organisation, component, count. Where it lies is
    personal too, so the same gate decides as for the data itself."""
    query = read_query(request, LocationQuery)
    subject = subject_of(request)
    platform = _platform(request)
    if caller.component_key is None:
        raise Problem("forbidden", "this client belongs to no component")
    question = gate.Question(
        caller.client_key,
        caller.component_key,
        subject,
        await platform.names.dataset(query.dataset),
        await platform.names.purpose(query.purpose),
    )

    async def judged() -> tuple[Verdict, list[Location]] | None:
        async with platform.control.connection() as conn:
            verdict = (await gate.ask(conn, [question]))[0]
            places = await locations_of(conn, verdict.resident_key, {question.dataset_key})
        open_at = {permit.component_id for permit in verdict.permits}
        found = [place for place in places if place.component_id in open_at]
        released = await platform.hot.door.release(_looked_up(caller, query, verdict, found))
        return None if released is None else (verdict, found)

    verdict, found = await until_released(judged)
    if not verdict.permits:
        raise verdict.refusals[0].raised()
    return answer(Locations(subject, found))


def _looked_up(
    caller: ClientCaller, query: LocationQuery, verdict: Verdict, found: list[Location]
) -> Release:
    """The entry of a look-up, or of its refusal: where data lies is personal, too."""
    if not verdict.permits:
        detail = Refusal(
            consumer=caller.component_id or "",
            consumer_organization=caller.organization_id,
            purpose=query.purpose,
            sources=[
                Part(
                    dataset=query.dataset,
                    status="refused",
                    provider=one.component_id or "",
                    link_id=one.link_id or "",
                    code=one.code,
                )
                for one in verdict.refusals
            ],
        )
        return prepare(Kind.REFUSAL, actor_of(caller), detail, verdict.judged)
    content = LocationsRead(
        component_id=caller.component_id or "",
        organization_id=caller.organization_id,
        dataset=query.dataset,
        purpose=query.purpose,
        holders=sorted(place.component_id for place in found),
    )
    return prepare(Kind.LOCATIONS_READ, actor_of(caller), content, verdict.judged)


@describes(
    request=ExchangeRequest,
    response=ExchangeAnswer,
    codes=(
        *gate.GATE_CODES,
        "dataset_unknown",
        "idempotency_key_reused",
        "idempotency_item_changed",
    ),
    example={
        "body": {"subject": EXAMPLE_SUBJECT, "purpose": "health-support", "datasets": ["steps", "vitals"]}
    },
)
async def exchange(request: Request, caller: ClientCaller) -> Response:
    """Items of one person from all permitted sources, in one answer. A source that the resident closed is listed
    with the reason; if none is open, the answer is 403 with the reason. `Idempotency-Key` makes retries one
    exchange: the gate is asked anew, and an item that changed since answers 409. Where there is more, `next` is the
    `cursor` of the next page, which is judged and recorded as an exchange of its own; `since` and `until` bound the time
    of the items, `item_id` asks for one."""
    asked = await read_json(request, ExchangeRequest)
    retry_key = header(request, b"idempotency-key")
    if retry_key is not None and not _RETRY_KEY.fullmatch(retry_key):
        raise Problem("invalid_request", "Idempotency-Key: 1 to 200 visible ASCII characters")
    proof = proof_of(request)
    sender = ProofOfSender(proof.iat_ms, proof.fingerprint)
    return answer(await _platform(request).hot.run(caller, asked, sender, retry_key))
