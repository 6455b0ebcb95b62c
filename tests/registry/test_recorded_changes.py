"""M4: what the registry's acts commit to. Old and new of each field, keys by thumbprint, nobody's name."""

from __future__ import annotations

import base64
import hashlib

from moyai import registry
from moyai.base.db import Connection
from moyai.ledger import Kind, contents
from moyai.ledger.contents import RegistryEntry, Replaced, StateChanged, TermsPublished
from moyai.registry.hashing import digest
from moyai.registry.recording import shown, thumbprint
from tests.registry.samples import (
    ACTOR,
    CLIENT,
    CLIENT_KEY,
    LINK,
    STEPS,
    but,
    certified_service,
    recorded,
    registered_service,
)

RFC_7517_EC = {  # appendix A.1
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "kid": "1",
}


async def newest(conn: Connection, kind: Kind) -> contents.Content | None:
    detail = next(act.detail for act in await recorded(conn) if act.kind == kind)
    return contents.read(kind, detail)


async def test_m4_a_change_is_recorded_with_old_and_new(control: Connection):
    await registered_service(control)
    await registry.register_link(control, but(LINK, consent_days=30), ACTOR)
    content = await newest(control, Kind.REGISTRY_CHANGED)
    assert content == RegistryEntry(noun="link", id=LINK.link_id, fields={"consent_days": Replaced(365, 30)})


async def test_m4_keys_are_recorded_by_their_thumbprints(control: Connection):
    await registered_service(control)
    await registry.register_client(control, CLIENT, ACTOR)
    other = CLIENT_KEY | RFC_7517_EC | {"kid": "advice-2"}
    await registry.register_client(control, but(CLIENT, jwks={"keys": [other]}), ACTOR)
    content = await newest(control, Kind.REGISTRY_CHANGED)
    assert isinstance(content, RegistryEntry)
    assert content.fields == {"jwks": Replaced([thumbprint(CLIENT_KEY)], [thumbprint(other)])}


def test_m4_the_thumbprint_is_rfc_7638s():
    text = '{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.format(**RFC_7517_EC)
    wanted = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    assert thumbprint(RFC_7517_EC) == wanted
    assert shown("jwks", {"keys": [RFC_7517_EC]}) == [wanted]


async def test_m4_a_long_value_stands_with_its_hash(control: Connection):
    schema = STEPS.schema | {"description": "歩" * 200}
    await registry.register_dataset(control, STEPS, ACTOR)
    await registry.register_dataset(control, but(STEPS, schema=schema), ACTOR)
    content = await newest(control, Kind.REGISTRY_CHANGED)
    assert isinstance(content, RegistryEntry)
    assert content.fields["schema"].old == STEPS.schema
    assert content.fields["schema"].new == {"sha256": digest(schema).hex(), "value": schema}


async def test_m4_who_may_be_a_person_is_not_in_the_ledger(control: Connection):
    await certified_service(control)
    texts = [act.body for act in await recorded(control)]
    assert not [text for text in texts if "審査委員会" in text or "課長" in text]


async def test_m4_certification_and_terms_say_what_was_before(control: Connection):
    await certified_service(control)
    assert await newest(control, Kind.SERVICE_CERTIFIED) == StateChanged(
        noun="service", id="kenko", state=Replaced("registered", "certified")
    )
    terms = await newest(control, Kind.TERMS_PUBLISHED)
    assert isinstance(terms, TermsPublished)
    assert (terms.id, terms.version) == ("kenko", Replaced(None, 1))


def test_m4_entries_from_before_stay_readable():
    assert contents.read(Kind.REGISTRY_CHANGED, {"noun": "client", "id": "x", "fields": ["jwks"]}) is None
