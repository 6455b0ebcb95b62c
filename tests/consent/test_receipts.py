"""Receipts: the standard's field names, a signature anybody can check, nothing more personal than needed."""

from __future__ import annotations

import base64
import json
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.errors import BadSignatureError

from moyai.base import keys
from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.consent import receipts
from moyai.ledger import Event, opening
from tests.admin import as_admin
from tests.consent.conftest import Walk
from tests.factories import Town

CHOICES = {"kenko-steps": "given", "kenko-vitals": "refused", "kenko-presence": "given"}


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture
async def payload(control: Connection, hanako: Walk) -> dict[str, object]:
    decided = await hanako.join(CHOICES)  # type: ignore[arg-type]
    return receipts.read(decided.receipt, await receipts.public_keys(control))


async def test_it_has_the_fields_of_iso_27560(payload: dict[str, object]) -> None:
    assert payload["schema_version"] == "ISO/IEC TS 27560:2023"
    for field in ("receipt_id", "record_id", "pii_principal_id", "pii_processing", "party_identification"):
        assert payload[field], field
    processing = payload["pii_processing"]
    assert isinstance(processing, list)
    for part in processing:
        for field in ("privacy_notice", "language", "purpose", "purpose_type", "lawful_basis", "services",
                      "pii_information", "pii_controllers", "collection_method", "processing_method",
                      "storage_locations", "retention_period", "jurisdiction", "recipient_third_parties",
                      "withdrawal_method", "privacy_rights"):  # fmt: skip
            assert field in part, field
        assert {"pii_type", "pii_attribute_id", "pii_optional"} <= set(part["pii_information"][0])


async def test_it_says_what_was_decided_for_each_link(payload: dict[str, object]) -> None:
    events = payload["events"]
    assert isinstance(events, list)
    assert {event["moyai_link_id"]: event["event_state"] for event in events} == CHOICES
    assert all(event["event_time"] == payload["timestamp"] for event in events)
    assert ["validity_duration" in event for event in events] == [True, False, True]


async def test_it_names_every_party_with_its_roles(payload: dict[str, object]) -> None:
    parties = payload["party_identification"]
    assert isinstance(parties, list)
    assert {party["party_id"]: party["party_role"] for party in parties} == {
        "c1": ["pii_controller", "recipient", "service_provider"],
        "koiki": ["pii_controller"],
        "unei": ["moyai_operating_organization"],
    }


async def test_it_is_bound_to_the_text_and_the_terms(
    control: Connection, payload: dict[str, object], town: Town
) -> None:
    notice = payload["notice"]
    assert isinstance(notice, dict)
    stored = await control.fetchval("select sha256 from consent.act")
    assert notice["presented_text_sha256"] == stored.hex()
    assert notice["service_terms"]["version"] == 1
    assert notice["terms_accepted_at"] < str(payload["timestamp"])


async def test_it_names_the_resident_by_id_alone(payload: dict[str, object], town: Town) -> None:
    assert payload["pii_principal_id"] == town.hanako.id
    text = json.dumps(payload, ensure_ascii=False)
    assert "花子" not in text
    assert "番町" not in text


async def test_a_program_without_our_code_can_verify_it(control: Connection, hanako: Walk) -> None:
    """RFC 7515 by hand, with nothing but the public key set and a curve."""
    receipt = (await hanako.join()).receipt
    head, body, signature = receipt.split(".")
    header = json.loads(unpadded(head))
    key = next(k for k in (await receipts.public_keys(control))["keys"] if k["kid"] == header["kid"])
    numbers = EllipticCurvePublicNumbers(
        int.from_bytes(unpadded(key["x"]), "big"), int.from_bytes(unpadded(key["y"]), "big"), SECP256R1()
    )
    raw = unpadded(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    numbers.public_key().verify(der, f"{head}.{body}".encode(), ECDSA(SHA256()))
    assert header["alg"] == "ES256"
    assert "d" not in key


async def test_a_changed_receipt_does_not_verify(control: Connection, hanako: Walk) -> None:
    head, body, signature = (await hanako.join()).receipt.split(".")
    payload = json.loads(unpadded(body))
    payload["events"][0]["event_state"] = "withdrawn"
    forged = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    with pytest.raises(BadSignatureError):
        receipts.read(f"{head}.{forged}.{signature}", await receipts.public_keys(control))


async def test_an_old_receipt_verifies_after_the_key_was_rotated(
    control: Connection, hanako: Walk, box: SecretBox
) -> None:
    receipt = (await hanako.join()).receipt
    before = await receipts.public_keys(control)
    async with as_admin(control):  # no process may: rotation is the operator's
        await keys.rotate(control, box, "receipt")
    after = await receipts.public_keys(control)
    assert len(after["keys"]) == len(before["keys"]) + 1
    assert receipts.read(receipt, after)["receipt_id"]


async def test_it_carries_the_promise_of_the_log(
    control: Connection, payload: dict[str, object], town: Town
) -> None:
    """The leaf in the receipt is the leaf of the decision's entry, which opens to that very decision."""
    log = payload["moyai_log"]
    assert isinstance(log, dict)
    entry = await opening(control, UUID(log["entry_id"]))
    assert isinstance(entry, Event)
    assert log["leaf"] == entry.leaf.hex()
    assert entry.detail["act_id"] == payload["receipt_id"]
    assert log["inclusion"].endswith(f"/log/v1/proof/inclusion?entry={entry.entry_id}")
