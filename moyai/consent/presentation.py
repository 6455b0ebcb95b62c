"""The text that a resident is shown before deciding (guidebook 3.2.5), the same in the portal and through the API.

Per link: purpose and benefit, data items in plain words, who generates, who uses, who manages (1.2.3), until when,
how to stop; and which versions of both terms apply. What is served is kept for the session it was served to, and
a decision is accepted only with the hash of such a text.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

import msgspec

from moyai.base.clock import TOKYO, tokyo
from moyai.base.db import Connection
from moyai.base.ids import random_uuid
from moyai.consent import choices, store, store_enrolment
from moyai.consent.catalogue import ServiceFacts, facts_of
from moyai.consent.choices import Standing
from moyai.consent.eligibility import require_eligible
from moyai.consent.enrolment import membership, require_ready_to_decide
from moyai.consent.model import (
    PRESENTATION_MINUTES,
    Choice,
    ItemText,
    LinkText,
    Party,
    PlatformText,
    Presentation,
    PresentationText,
    ServiceText,
    TermsReference,
    ThisPlatform,
    granularity_of,
    words_of_end,
)
from moyai.identity.model import ResidentCaller
from moyai.registry.model import Link

_SHA256 = re.compile("[0-9a-f]{64}")
STOP_JA = "「同意の確認と変更」から、いつでもやめられます。やめると、その次からデータは渡りません。"
STOP_EN = "You can stop at any time under “My consents”. From the next request on, no data is passed."


def end_of_consent(served_at: datetime, days: int) -> datetime:
    """The last moment of the day (Asia/Tokyo) that lies `days` after the day of serving: what residents read as
    「…日まで」."""
    last_day = tokyo(served_at).date() + timedelta(days=days)
    return datetime.combine(last_day + timedelta(days=1), time.min, TOKYO)


def _link_text(link: Link, manages: Party, generates: Party, uses: Party, served_at: datetime) -> LinkText:
    until, until_ja, until_en = words_of_end(end_of_consent(served_at, link.consent_days))
    return LinkText(
        link_id=link.link_id,
        version=link.version or 0,
        purpose_id=link.purpose_id,
        purpose_name_ja=link.purpose_name_ja,
        purpose_name_en=link.purpose_name_en,
        purpose_ja=link.purpose_ja,
        purpose_en=link.purpose_en,
        benefit_ja=link.benefit_ja,
        benefit_en=link.benefit_en,
        dataset_id=link.dataset_id,
        dataset_ja=link.dataset_name_ja,
        dataset_en=link.dataset_name_en,
        items=tuple(ItemText(item.name, item.ja, item.en) for item in link.items),
        generates=generates,
        uses=uses,
        manages=manages,
        until=until,
        until_ja=until_ja,
        until_en=until_en,
        stop_ja=STOP_JA,
        stop_en=STOP_EN,
    )


def compose(platform: ThisPlatform, facts: ServiceFacts, served_at: datetime) -> PresentationText:
    """The text of a service as the registry describes it now, if it is (or was) served at `served_at`."""
    service, terms, platform_terms = facts.service, facts.terms, facts.platform_terms
    return PresentationText(
        service=ServiceText(
            service_id=service.service_id,
            name_ja=service.name_ja,
            name_en=service.name_en,
            summary_ja=service.summary_ja,
            summary_en=service.summary_en,
            kind=service.kind,
            municipality_codes=tuple(service.municipality_codes),
            provider=facts.provider,
        ),
        platform=PlatformText(
            platform_id=platform.platform_id,
            name_ja=platform.name_ja,
            name_en=platform.name_en,
            base_url=platform.base_url,
            operator=facts.operator,
        ),
        granularity=granularity_of(facts.provider_organizations()),
        links=tuple(
            _link_text(link, facts.operator, facts.generates(link), facts.uses(link), served_at)
            for link in facts.links_on_offer()
        ),
        service_terms=TermsReference(terms.version, terms.sha256),
        platform_terms=TermsReference(platform_terms.version, platform_terms.sha256),
    )


async def serve(
    conn: Connection, caller: ResidentCaller, platform: ThisPlatform, facts: ServiceFacts
) -> Presentation:
    """Compose the text, keep it for this session, and give it out."""
    served_at = await store.now(conn)
    text = compose(platform, facts, served_at)
    sha256, presentation_id = text.sha256(), random_uuid()
    expires_at = await store_enrolment.insert_presentation(
        conn,
        presentation_id,
        caller.resident_key,
        caller.session_id,
        facts.service.service_key,
        msgspec.to_builtins(text),
        sha256,
        served_at,
        PRESENTATION_MINUTES,
    )
    return Presentation(presentation_id, sha256.hex(), served_at, expires_at, text)


async def present(
    conn: Connection, caller: ResidentCaller, platform: ThisPlatform, service_id: str
) -> Presentation:
    """Serve the text once the four steps are done, or to change one's mind while the service is in use.

    Raises Problem: does_not_exist, service_not_offered, outside_user_scope, assurance_insufficient, step_skipped.
    """
    facts = await facts_of(conn, service_id)
    await require_eligible(conn, caller, facts)
    await require_ready_to_decide(conn, caller, facts)
    return await serve(conn, caller, platform, facts)


async def reading(
    conn: Connection, caller: ResidentCaller, facts: ServiceFacts, text: Presentation
) -> dict[str, Standing]:
    """Each link of the text with how it stands for the resident, in the order of the text."""
    states = await store.states_of(conn, caller.resident_key)
    links = [(facts.link(said.link_id), said) for said in text.text.links]
    return {link.link_id: Standing(link, said, states.get(link.link_key)) for link, said in links}


async def available(
    conn: Connection, caller: ResidentCaller, service_id: str, text: Presentation
) -> dict[str, tuple[Choice, ...]]:
    """What can be chosen for each link of a text that is being served."""
    facts = await facts_of(conn, service_id)
    in_use = await membership(conn, caller, facts) is not None
    read = await reading(conn, caller, facts, text)
    return {link_id: choices.available(one, caller.aal, in_use=in_use) for link_id, one in read.items()}


async def served(
    conn: Connection, caller: ResidentCaller, platform: ThisPlatform, facts: ServiceFacts, sha256: str
) -> Presentation | None:
    """The text with this hash if this session was served it within the hour **and** it still says what is so.

    A link whose purpose, items or parties have changed since makes another text, which must be read first.
    """
    if not _SHA256.fullmatch(sha256):
        return None
    row = await store_enrolment.served_presentation(
        conn, caller.resident_key, caller.session_id, facts.service.service_key, bytes.fromhex(sha256)
    )
    if row is None:
        return None
    text = compose(platform, facts, row["served_at"])
    if text.sha256().hex() != sha256:
        return None
    return Presentation(row["presentation_id"], sha256, row["served_at"], row["expires_at"], text)
