"""Receipts (同意証跡): what was decided, with the field names of ISO/IEC TS 27560, signed so that anybody can check.

A receipt is a JWS in compact form (RFC 7515, ES256); the keys are public at `/consent/v1/keys`. Its payload has a
receipt section (`receipt_id`, …) and the record: header, `pii_processing` per link, `party_identification`, `events`.
Names that the standard does not have begin with `moyai_`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from joserfc import jws
from joserfc.jwk import KeySet

from moyai.base import keys
from moyai.base.clock import rfc3339
from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.consent.enrolment import Ready
from moyai.consent.model import LinkText, Party, PresentationText
from moyai.identity.model import ForResident, ResidentCaller
from moyai.ledger import opening

SCHEMA_VERSION = "ISO/IEC TS 27560:2023"
TYPE = "consent-receipt+jws"


def _events(state: str, at: datetime, resident_id: str, until: str | None) -> list[dict[str, Any]]:
    event = {
        "event_time": rfc3339(at),
        "event_type": "explicit",
        "event_state": state,
        "entity_id": resident_id,
    }
    return [{**event, "validity_duration": {"until": until}} if until else event]


def _processing(text: PresentationText, link: LinkText, state: str) -> dict[str, Any]:
    return {
        "moyai_link_id": link.link_id,
        "privacy_notice": f"{text.platform.base_url}/registry/v1/terms/{text.service.service_id}",
        "language": ["ja", "en"],
        "purpose": {
            "purpose_id": link.purpose_id,
            "ja": f"{link.purpose_name_ja}：{link.purpose_ja}",
            "en": f"{link.purpose_name_en}: {link.purpose_en}",
        },
        "purpose_type": link.purpose_id,
        "lawful_basis": "consent",
        "services": [text.service.service_id],
        "pii_information": [
            {
                "pii_type": f"{link.dataset_id}.{item.name}",
                "pii_attribute_id": item.name,
                "pii_optional": True,
                "moyai_text": {"ja": item.text_ja, "en": item.text_en},
            }
            for item in link.items
        ],
        "pii_controllers": [link.generates.organization_id, link.uses.organization_id],
        "collection_method": link.generates.component_id,
        "processing_method": link.uses.component_id,
        "storage_locations": [link.generates.organization_id],
        "retention_period": {} if state == "refused" else {"until": link.until},
        "jurisdiction": "JP",
        "recipient_third_parties": [link.uses.organization_id],
        "withdrawal_method": {
            "url": f"{text.platform.base_url}/portal/consents",
            "ja": link.stop_ja,
            "en": link.stop_en,
        },
        "privacy_rights": [f"{text.platform.base_url}/portal"],
        "consent_state": "refused" if state == "refused" else "given",
    }


def _party(party: Party, *roles: str) -> dict[str, Any]:
    return {
        "party_id": party.organization_id,
        "party_name": {"ja": party.organization_ja, "en": party.organization_en},
        "party_contact": party.contact,
        "party_role": list(roles),
    }


def _parties(text: PresentationText) -> list[dict[str, Any]]:
    roles: dict[str, tuple[Party, list[str]]] = {}

    def add(party: Party, role: str) -> None:
        known = roles.setdefault(party.organization_id, (party, []))[1]
        if role not in known:
            known.append(role)

    for link in text.links:
        add(link.generates, "pii_controller")
        add(link.uses, "pii_controller")
        add(link.uses, "recipient")
    add(text.service.provider, "service_provider")
    add(text.platform.operator, "moyai_operating_organization")
    return [_party(party, *held) for party, held in roles.values()]


async def promise(conn: Connection, base_url: str, entry_id: UUID) -> dict[str, str]:
    """The platform's promise to keep this entry in its log: with the leaf in a signed receipt, its holder can show
    that the promise was broken. The inclusion proof is there about a second later."""
    entry = await opening(conn, entry_id)
    proof = f"{base_url}/log/v1/proof/inclusion?entry={entry_id}"
    return {"entry_id": str(entry_id), "leaf": entry.leaf.hex(), "inclusion": proof}


def compose(
    caller: ResidentCaller,
    text: PresentationText,
    act_id: UUID,
    sha256: str,
    links: dict[str, str],
    at: datetime,
    ready: Ready,
    log: dict[str, str],
) -> dict[str, Any]:
    """The receipt's payload. `text` holds the links that were decided on, `links` what was done to each; `log` is the
    promise, `ready` the terms that were accepted."""
    return {
        "iss": text.platform.base_url,
        "iat": int(at.timestamp()),
        "receipt_id": str(act_id),
        "schema_version": SCHEMA_VERSION,
        "record_id": str(act_id),
        "pii_principal_id": caller.resident_id,
        "timestamp": rfc3339(at),
        "pii_controllers": sorted({o for link in text.links for o in _controllers(link)}),
        "purposes": sorted({link.purpose_id for link in text.links}),
        "pii_processing": [_processing(text, link, links[link.link_id]) for link in text.links],
        "party_identification": _parties(text),
        "notice": {
            "presented_text_sha256": sha256,
            "service_terms": msgspec.to_builtins(ready.service_terms),
            "platform_terms": msgspec.to_builtins(ready.platform_terms),
            "terms_accepted_at": rfc3339(ready.terms_accepted_at),
        },
        "events": [
            {"moyai_link_id": link.link_id, **event}
            for link in text.links
            for event in _link_events(caller, link, links[link.link_id], at)
        ],
        "moyai_touch_point": caller.client_id,
        "moyai_log": log,
        "moyai_assurance": {"ial": f"jp-ds500:{caller.ial}", "aal": f"jp-ds500:{caller.aal}"},
    }


def _controllers(link: LinkText) -> tuple[str, str]:
    return link.generates.organization_id, link.uses.organization_id


def _link_events(caller: ResidentCaller, link: LinkText, state: str, at: datetime) -> list[dict[str, Any]]:
    return _events(state, at, caller.resident_id, None if state == "refused" else link.until)


def compose_withdrawal(
    caller: ResidentCaller | ForResident,
    base_url: str,
    service_id: str,
    act_id: UUID,
    links: dict[str, str],
    at: datetime,
    log: dict[str, str],
) -> dict[str, Any]:
    """A withdrawal's receipt: which links were stopped, and when."""
    return {
        "iss": base_url,
        "iat": int(at.timestamp()),
        "receipt_id": str(act_id),
        "schema_version": SCHEMA_VERSION,
        "record_id": str(act_id),
        "pii_principal_id": caller.resident_id,
        "timestamp": rfc3339(at),
        "services": [service_id],
        "events": [
            {"moyai_link_id": link_id, **event}
            for link_id in links
            for event in _events("withdrawn", at, caller.resident_id, None)
        ],
        "moyai_touch_point": caller.client_id,
        "moyai_log": log,
    }


async def sign(conn: Connection, box: SecretBox, payload: dict[str, Any]) -> str:
    """JWS in compact form; `kid` names the key in the set at `/consent/v1/keys`."""
    key = await keys.current(conn, box, "receipt")
    header = {"alg": "ES256", "kid": key.key_id, "typ": TYPE}
    return jws.serialize_compact(header, msgspec.json.encode(payload, order="sorted"), key.jwk)


async def public_keys(conn: Connection) -> dict[str, Any]:
    """The JWK set that verifies every receipt that this platform ever signed."""
    return await keys.public_set(conn, "receipt")


def read(receipt: str, jwk_set: dict[str, Any]) -> dict[str, Any]:
    """Verify a receipt with a platform's public keys, and give its payload.

    Raises joserfc.errors.JoseError if it was changed or signed by another key.
    """
    signed = jws.deserialize_compact(receipt, KeySet.import_key_set(jwk_set), algorithms=["ES256"])  # type: ignore[arg-type]
    return msgspec.json.decode(signed.payload)
