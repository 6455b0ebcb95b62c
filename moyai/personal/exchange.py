"""The main job: a consumer component asks for a resident's items (ARCHITECTURE, "One exchange").

Gate, read, record, answer: nothing else, and in that order. The ledger has the exchange (or the refusal) durably
before the answer leaves, in a statement that judges again whether it may. Requests that wait at the same moment share statements (`moyai.base.lanes`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from moyai.base.clock import rfc3339
from moyai.base.errors import Problem
from moyai.base.ids import uuid_text
from moyai.base.lanes import Lane
from moyai.consent.gate import Question, Refusal, Verdict
from moyai.identity.model import ClientCaller
from moyai.ledger import Kind, Recorded, contents
from moyai.ledger.contents import Content, Exchanged, Part, Repeated
from moyai.ledger.release import Judged, Release, prepare
from moyai.personal.door import Door, until_released
from moyai.personal.model import ExchangeAnswer, ExchangeRequest, Result, Source
from moyai.personal.names import Names
from moyai.personal.paging import Page, positions
from moyai.personal.reading import read_all, summary
from moyai.personal.retries import Recording, Retries, Retry, digest_of
from moyai.personal.stores import Stores

_encode = msgspec.json.Encoder().encode


class ProofOfSender(msgspec.Struct, frozen=True):
    """What names the sender's proof: its time and fingerprint become the entry's id, so that the ledger's own
    key refuses a proof that was used before, at whatever process."""

    at_ms: int
    fingerprint: bytes


class Outcome(msgspec.Struct, frozen=True):
    """What the gate and the stores said to one request."""

    judged: Judged
    results: list[Result]
    parts: list[Part]
    refusals: list[Refusal]
    released: bool
    next: str | None


class Exchange:
    """The road, with its lanes. One per process."""

    def __init__(
        self,
        gate: Lane[tuple[Question, ...], list[Verdict]],
        door: Door,
        stores: Stores,
        names: Names,
        retries: Retries,
    ) -> None:
        self._gate = gate
        self.door = door
        self._stores = stores
        self._names = names
        self._retries = retries

    async def run(
        self,
        caller: ClientCaller,
        request: ExchangeRequest,
        proof: ProofOfSender,
        retry_key: str | None = None,
    ) -> ExchangeAnswer:
        """Answer one request. What closed while a source was asked is judged anew before anything is released.

        Raises Refused with the gate's reason when nothing may flow (recorded before it is raised);
        Problem: dataset_unknown, proof_replayed, idempotency_key_reused, idempotency_item_changed, unavailable.
        """
        if caller.component_key is None:
            raise Problem("forbidden", "this client belongs to no component")
        questions, page = await self._questions(caller, request), _page(request)

        async def judged() -> tuple[Outcome, Recording] | None:
            outcome = await self._read(page, await self._gate.ask(questions))
            recorded = await self._record(caller, request, proof, retry_key, outcome)
            return None if recorded is None else (outcome, recorded)

        outcome, recorded = await until_released(judged)
        if not outcome.released:
            raise outcome.refusals[0].raised()
        return ExchangeAnswer(
            uuid_text(recorded.name),
            rfc3339(recorded.at),
            request.subject,
            request.purpose,
            outcome.results,
            outcome.next,
        )

    async def _questions(self, caller: ClientCaller, request: ExchangeRequest) -> tuple[Question, ...]:
        assert caller.component_key is not None
        purpose_key = await self._names.purpose(request.purpose)
        return tuple(
            [
                Question(
                    caller.client_key,
                    caller.component_key,
                    request.subject,
                    await self._names.dataset(dataset_id),
                    purpose_key,
                )
                for dataset_id in dict.fromkeys(request.datasets)
            ]
        )

    async def _read(self, page: Page, verdicts: Sequence[Verdict]) -> Outcome:
        permits = [permit for verdict in verdicts for permit in verdict.permits]
        refusals = [refusal for verdict in verdicts for refusal in verdict.refusals]
        pages = await read_all(self._stores, permits, page)
        closed = [self._refused(refusal) for refusal in refusals]
        parts = pages.parts + [summary(told, one.link_id) for told, one in zip(closed, refusals, strict=True)]
        first = verdicts[0].judged
        ends = min(verdict.judged.ends_ms for verdict in verdicts)
        judged = msgspec.structs.replace(first, ends_ms=ends) if ends != first.ends_ms else first
        return Outcome(judged, [*pages.results, *closed], parts, refusals, bool(permits), pages.next)

    def _refused(self, refusal: Refusal) -> Result:
        source = None
        if refusal.component_id is not None and refusal.organization_id is not None:
            source = Source(refusal.organization_id, refusal.component_id)
        dataset_id = self._names.dataset_id(refusal.dataset_key)
        version = (refusal.extra or {}).get("consented_version")
        return Result(dataset_id, "refused", source, code=refusal.code, version=version)

    async def _record(
        self,
        caller: ClientCaller,
        request: ExchangeRequest,
        proof: ProofOfSender,
        retry_key: str | None,
        outcome: Outcome,
    ) -> Recording | None:
        """The entry that records this; None if it must be judged anew."""
        detail = _detail(caller, request, outcome)
        if outcome.released:
            made = _prepare(Kind.EXCHANGE, caller, outcome, Exchanged(**detail), proof)
        else:
            made = _prepare(Kind.REFUSAL, caller, outcome, contents.Refusal(**detail), proof)
        if retry_key is None or not outcome.released:
            released = await self.door.release(made)
            return None if released is None else Recording(made.name, released.at)
        assert caller.component_key is not None

        def repeated(earlier: Recorded) -> Release:
            again = Repeated(**detail, exchange=str(earlier.entry_id))
            return _prepare(Kind.EXCHANGE_REPEATED, caller, outcome, again, proof)

        request_hash = hashlib.sha256(_encode(_asked(request))).digest()
        retry = Retry(caller.component_key, retry_key, request_hash, digest_of(outcome.results), repeated)
        return await self._retries.record(made, retry)


def _page(request: ExchangeRequest) -> Page:
    """Raises Problem("invalid_request") for a cursor that is none."""
    return Page(request.limit, request.since, request.until, request.item_id, positions(request.cursor))


def _asked(request: ExchangeRequest) -> dict[str, object]:
    """What makes two requests the same, as it was before there were pages: a retry may come after an update. Another
    page is another request."""
    return {name: value for name, value in msgspec.structs.asdict(request).items() if value is not None}


def _prepare(
    kind: Kind, caller: ClientCaller, outcome: Outcome, detail: Content, proof: ProofOfSender
) -> Release:
    return prepare(
        kind,
        f"component:{caller.component_id}",
        detail,
        outcome.judged,
        at_ms=proof.at_ms,
        fingerprint=proof.fingerprint,
    )


def _detail(caller: ClientCaller, request: ExchangeRequest, outcome: Outcome) -> dict[str, Any]:
    """What the ledger's commitment opens to: parties, purpose, counts and a digest. Never the items."""
    return {
        "consumer": caller.component_id,
        "consumer_organization": caller.organization_id,
        "digest": hashlib.sha256(_encode(outcome.results)).hexdigest(),
        "purpose": request.purpose,
        "sources": outcome.parts,
    }
