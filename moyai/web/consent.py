"""`/consent/v1`: deciding and stopping. Everything the portal can do, for any touch point with the resident's token.

The portal calls the same functions of `moyai.consent`; neither has a way around the text and its hash.
"""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.clock import rfc3339
from moyai.base.errors import Problem
from moyai.consent import decisions, enrolment, overview, presentation, withdrawal
from moyai.consent.catalogue import ServiceFacts, facts_of
from moyai.consent.choices import Choices
from moyai.consent.differences import Difference
from moyai.consent.model import Choice, Enrolment, PresentationText, TermsReference, ThisPlatform
from moyai.identity.model import ResidentCaller
from moyai.registry.model import Id
from moyai.web.operation import answer, describes, read_json
from moyai.web.platform import Platform

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", description="SHA-256 in hexadecimal")]

_ON_OFFER = ("does_not_exist", "service_not_offered", "resident_inactive")
_ELIGIBLE = (*_ON_OFFER, "outside_user_scope", "assurance_insufficient")
_EXAMPLE = {"service": "kenko-mimamori"}
_EXAMPLE_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class TermsRead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which version of the terms was read; `GET /registry/v1/terms/…` shows it with its hash."""

    sha256: Sha256


class PlatformRecognized(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The id of the platform that the resident was shown."""

    acknowledged: Annotated[str, msgspec.Meta(max_length=100)]


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hash of the text that was served to this session, and what is chosen for its links.

    A first decision says `given` or `refused` for each link. While the service is in use, links that are not named stay
    as they stand, and so does what is said to be as it stands already: it keeps its version, its end and its level, and is no
    part of the act. `kept` leaves a link as it stands, and declines items that were added; `prolonged` moves the end of a
    consent that stands to the day of the text (`standing` of the presentation says what can be chosen).
    One word instead of the links decides all of them; `given` so said is refused while a refusal or a stop of
    this service stands (`decision_contradictory`).
    """

    sha256: Sha256
    links: Choices


class Withdrawal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The links to stop; left out: all of them, and the use of the service."""

    links: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=100)] | None = None


class EnrolmentState(msgspec.Struct, frozen=True):
    """How far the walk is, and what the next steps are about. `step` is the last one done, 1 to 4."""

    service_id: str
    step: int
    next_step: str
    expires_at: str
    service_terms: TermsReference
    platform_id: str
    platform_ja: str
    platform_en: str
    operator_ja: str
    operator_en: str
    platform_terms: TermsReference


class ChangedLink(msgspec.Struct, frozen=True):
    """What a link's text says otherwise than the one that was decided on (`consented_version`), to be shown beside it.

    `to_decide` says that the present text asks for more than was decided: for all (`standing` is `outdated`), or for
    the items that were added. `changes` are empty where the text that was decided on is not kept.
    """

    link_id: str
    standing: overview.Standing
    to_decide: bool
    consented_version: int | None
    version: int | None
    changes: tuple[Difference, ...]


class StandingLink(msgspec.Struct, frozen=True):
    """How a link of the text stands for this resident, until when, and what can be chosen for it.

    The `until` of the text is when a consent that is given or prolonged now would end. `waiting` are items that do not
    flow, `declined` those of them that the resident has answered with `kept`.
    """

    link_id: str
    standing: overview.Standing
    until: str | None
    waiting: tuple[str, ...]
    declined: tuple[str, ...]
    choices: tuple[Choice, ...]


class PresentationAnswer(msgspec.Struct, frozen=True):
    """The text as it must be shown, whole; `sha256` is of its JSON with sorted keys and no spaces.

    `changed` names the links that say something else than what this resident decided on; `standing` says of each link how
    it stands.
    """

    sha256: str
    served_at: str
    expires_at: str
    text: PresentationText
    changed: list[ChangedLink]
    standing: list[StandingLink]


class DecisionAnswer(msgspec.Struct, frozen=True):
    """`links` are those that the decision changed, and how. `receipt` is a JWS (ES256) whose keys are at
    `/consent/v1/keys`."""

    act_id: UUID
    decided_at: str
    links: dict[str, str]
    receipt: str


class WithdrawalAnswer(msgspec.Struct, frozen=True):
    """`links` are the ones that this act stopped; `left` says that the use of the service has ended."""

    act_id: UUID
    withdrawn_at: str
    links: dict[str, str]
    left: bool
    receipt: str


class Services(msgspec.Struct, frozen=True):
    services: list[overview.ServiceStanding]


def _platform(request: Request) -> Platform:
    return request.app.state.platform


def this_platform(platform: Platform) -> ThisPlatform:
    """What texts and receipts say of this platform."""
    known = platform.config.platform
    return ThisPlatform(known.id, known.name_ja, known.name_en, platform.base_url)


def uuid_of(request: Request, name: str) -> UUID:
    """A UUID from the path. Raises Problem does_not_exist for anything else."""
    try:
        return UUID(request.path_params[name])
    except ValueError as error:
        raise Problem("does_not_exist", name) from error


def _service_id(request: Request) -> str:
    return request.path_params["service"]


# --- services on offer --------------------------------------------------------------------------------


@describes(response=Services)
async def list_services(request: Request, caller: ResidentCaller) -> Response:
    """Services on offer with their links; `reason` is the code why this resident cannot use one."""
    async with _platform(request).control.connection() as conn:
        return answer(Services(await overview.offered(conn, caller)))


# --- the five steps (guidebook 3.2.3) -------------------------------------------------------------------


@describes(
    response=EnrolmentState, codes=(*_ELIGIBLE, "service_in_use"), status=201, example={"path": _EXAMPLE}
)
async def begin_enrolment(request: Request, caller: ResidentCaller) -> Response:
    """Step 1: choose the service. Nothing is kept beyond this walk until the resident decides."""
    platform = _platform(request)
    async with platform.control.transaction() as conn:
        walk = await enrolment.choose(conn, caller, _service_id(request))
        facts = await facts_of(conn, _service_id(request))
    return answer(_enrolment_state(platform, facts, walk), 201)


@describes(
    response=EnrolmentState, codes=("does_not_exist", "service_not_offered"), example={"path": _EXAMPLE}
)
async def enrolment_state(request: Request, caller: ResidentCaller) -> Response:
    """Where this session's walk is; 404 where there is none."""
    platform = _platform(request)
    async with platform.control.transaction() as conn:
        walk = await enrolment.state(conn, caller, _service_id(request))
        if walk is None:
            raise Problem("does_not_exist", "no enrolment under way in this session")
        facts = await facts_of(conn, _service_id(request))
    return answer(_enrolment_state(platform, facts, walk))


@describes(codes=("does_not_exist",), status=204, example={"path": _EXAMPLE})
async def leave_enrolment(request: Request, caller: ResidentCaller) -> Response:
    """Leave the walk, or decline: no data of it is left."""
    async with _platform(request).control.transaction() as conn:
        await enrolment.leave(conn, caller, _service_id(request))
    return Response(status_code=204)


@describes(
    request=TermsRead,
    response=EnrolmentState,
    codes=(*_ON_OFFER, "step_skipped", "terms_not_in_force"),
    example={"path": _EXAMPLE, "body": {"sha256": _EXAMPLE_HASH}},
)
async def accept_service_terms(request: Request, caller: ResidentCaller) -> Response:
    """Step 2: the service's terms, in the version that is in force."""
    body, platform = await read_json(request, TermsRead), _platform(request)
    async with platform.control.transaction() as conn:
        walk = await enrolment.accept_service_terms(conn, caller, _service_id(request), body.sha256)
        facts = await facts_of(conn, _service_id(request))
    return answer(_enrolment_state(platform, facts, walk))


@describes(
    request=PlatformRecognized,
    response=EnrolmentState,
    codes=(*_ON_OFFER, "step_skipped", "invalid_request"),
    example={"path": _EXAMPLE, "body": {"acknowledged": "sanuki"}},
)
async def recognize_platform(request: Request, caller: ResidentCaller) -> Response:
    """Step 3: the resident was shown which platform the service connects to; its id is sent back."""
    body, platform = await read_json(request, PlatformRecognized), _platform(request)
    this_id = platform.config.platform.id
    async with platform.control.transaction() as conn:
        walk = await enrolment.recognize_platform(
            conn, caller, _service_id(request), body.acknowledged, this_id
        )
        facts = await facts_of(conn, _service_id(request))
    return answer(_enrolment_state(platform, facts, walk))


@describes(
    request=TermsRead,
    response=EnrolmentState,
    codes=(*_ON_OFFER, "step_skipped", "terms_not_in_force"),
    example={"path": _EXAMPLE, "body": {"sha256": _EXAMPLE_HASH}},
)
async def accept_platform_terms(request: Request, caller: ResidentCaller) -> Response:
    """Step 4: the platform's terms. Step 5 is the decision."""
    body, platform = await read_json(request, TermsRead), _platform(request)
    async with platform.control.transaction() as conn:
        walk = await enrolment.accept_platform_terms(conn, caller, _service_id(request), body.sha256)
        facts = await facts_of(conn, _service_id(request))
    return answer(_enrolment_state(platform, facts, walk))


def _enrolment_state(platform: Platform, facts: ServiceFacts, walk: Enrolment) -> EnrolmentState:
    here, terms, platform_terms = this_platform(platform), facts.terms, facts.platform_terms
    return EnrolmentState(
        service_id=facts.service.service_id,
        step=walk.step,
        next_step=enrolment.next_step(walk.step),
        expires_at=rfc3339(walk.expires_at),
        service_terms=TermsReference(terms.version, terms.sha256),
        platform_id=here.platform_id,
        platform_ja=here.name_ja,
        platform_en=here.name_en,
        operator_ja=facts.operator.organization_ja,
        operator_en=facts.operator.organization_en,
        platform_terms=TermsReference(platform_terms.version, platform_terms.sha256),
    )


# --- the text, the decision, the withdrawal -----------------------------------------------------------------


@describes(response=PresentationAnswer, codes=(*_ELIGIBLE, "step_skipped"), example={"path": _EXAMPLE})
async def present(request: Request, caller: ResidentCaller) -> Response:
    """The text to decide on, after four steps or while the service is in use. Show all of it; send its hash."""
    platform = _platform(request)
    async with platform.control.transaction() as conn:
        served = await presentation.present(conn, caller, this_platform(platform), _service_id(request))
        standing = await overview.consents_of_service(conn, caller, _service_id(request))
        choices = await presentation.available(conn, caller, _service_id(request), served)
    return answer(
        PresentationAnswer(
            served.sha256,
            rfc3339(served.served_at),
            rfc3339(served.expires_at),
            served.text,
            [_changed(link) for link in standing.links if link.changes or link.to_decide],
            [_standing(link, choices[link.link_id]) for link in standing.links if link.link_id in choices],
        )
    )


def _standing(link: overview.LinkStanding, choices: tuple[Choice, ...]) -> StandingLink:
    until = rfc3339(link.until) if link.until else None
    return StandingLink(link.link_id, link.standing, until, link.waiting, link.declined, choices)


def _changed(link: overview.LinkStanding) -> ChangedLink:
    return ChangedLink(
        link.link_id, link.standing, link.to_decide, link.consented_version, link.version, link.changes
    )


@describes(
    request=Decision,
    response=DecisionAnswer,
    codes=(
        *_ELIGIBLE,
        *(
            "step_skipped",
            "text_not_served",
            "invalid_request",
            "decision_contradictory",
            "nothing_to_change",
            "insufficient_user_authentication",
        ),
    ),
    status=201,
    repeats=True,
    example={
        "path": _EXAMPLE,
        "body": {"sha256": _EXAMPLE_HASH, "links": {"kenko-steps": "given", "kenko-vitals": "refused"}},
    },
)
async def decide(request: Request, caller: ResidentCaller) -> Response:
    """Step 5, or a change: decide on links of the text. The same decision sent twice is one act (then 200); one that
    changes nothing is none (409 `nothing_to_change`). A yes to what was refused or stopped takes a second factor of the last
    five minutes."""
    body, platform = await read_json(request, Decision), _platform(request)
    async with platform.control.transaction() as conn:
        made = await decisions.decide(
            conn,
            caller,
            this_platform(platform),
            platform.box,
            _service_id(request),
            body.sha256,
            body.links,
        )
    shown = DecisionAnswer(made.act_id, made.decided_at, made.links, made.receipt)
    return answer(shown, 200 if made.repeated else 201)


@describes(
    request=Withdrawal,
    response=WithdrawalAnswer,
    codes=("does_not_exist", "service_not_in_use", "nothing_to_stop"),
    example={"path": _EXAMPLE, "body": {"links": ["kenko-steps"]}},
)
async def withdraw(request: Request, caller: ResidentCaller) -> Response:
    """Stop some links, or all and the use of the service. It bites on the very next request.

    The same withdrawal sent twice is one act. What is refused or was never given is no withdrawal: 409, without act
    and receipt.
    """
    body, platform = await read_json(request, Withdrawal), _platform(request)
    async with platform.control.transaction() as conn:
        made = await withdrawal.withdraw(
            conn,
            caller,
            this_platform(platform),
            platform.box,
            _service_id(request),
            body.links,
        )
    return answer(WithdrawalAnswer(made.act_id, made.withdrawn_at, made.links, made.left, made.receipt))
