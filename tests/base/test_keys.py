"""Signing keys: made once, sealed, rotated with overlap."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from joserfc import jws
from joserfc.jwk import ECKey, KeySet

from moyai.base import keys
from moyai.base.keys import KeyRing
from moyai.base.roles import OWNER
from moyai.base.secrets import SecretBox


@pytest.fixture
async def owner(fresh_platform):
    """The operator's commands act as the owner: no process rotates keys, nor reads them all."""
    return await fresh_platform.connect(OWNER)


async def test_a_key_is_made_at_first_use_and_stays(control, box):
    first = await keys.current(control, box, "oidc")
    assert (await keys.current(control, box, "oidc")).key_id == first.key_id
    assert (await keys.current(control, box, "receipt")).key_id != first.key_id
    assert await control.fetchval("select count(*) from platform.signing_key") == 2


async def test_what_it_signs_verifies_with_the_public_set_also_after_rotation(owner, box):
    old = await keys.current(owner, box, "grant")
    token = jws.serialize_compact({"alg": "ES256", "kid": old.key_id}, b"granted", old.jwk)
    new = await keys.rotate(owner, box, "grant")
    published = await keys.public_set(owner, "grant")
    assert [key["kid"] for key in published["keys"]] == [new.key_id, old.key_id]
    assert jws.deserialize_compact(token, KeySet.import_key_set(published)).payload == b"granted"
    assert await owner.fetchval("select count(*) from platform.signing_key where retired_at is null") == 1


async def test_a_key_is_forgotten_when_its_overlap_ends(owner, box):
    old = await keys.current(owner, box, "oidc")
    new = await keys.rotate(owner, box, "oidc")
    await owner.execute(
        "update platform.signing_key set forgotten_at = clock_timestamp() where key_id = $1", old.key_id
    )
    assert [key["kid"] for key in (await keys.public_set(owner, "oidc"))["keys"]] == [new.key_id]


async def test_log_keys_are_never_forgotten(owner, box):
    await keys.current(owner, box, "log")
    await keys.rotate(owner, box, "log")
    assert (
        await owner.fetchval("select count(*) from platform.signing_key where forgotten_at is not null") == 0
    )


async def test_nothing_private_is_published_or_stored_in_the_open(control, box):
    key = await keys.current(control, box, "oidc")
    secret = key.jwk.as_dict(private=True)["d"]
    assert "d" not in key.public_jwk
    row = await control.fetchrow("select public_jwk::text, sealed from platform.signing_key")
    assert secret not in row["public_jwk"]
    assert secret.encode() not in row["sealed"]


async def test_another_key_encryption_key_opens_nothing(control, box):
    await keys.current(control, box, "oidc")
    with pytest.raises(InvalidTag):
        await keys.current(control, SecretBox(bytes(32)), "oidc")


async def test_kinds_of_key(owner, box):
    log, oidc = await keys.current(owner, box, "log"), await keys.current(owner, box, "oidc")
    assert len(log.ed25519().sign(b"x")) == 64
    assert isinstance(oidc.jwk, ECKey)
    assert (log.public_jwk["alg"], oidc.public_jwk["alg"]) == ("Ed25519", "ES256")
    with pytest.raises(TypeError):
        oidc.ed25519()


async def test_a_ring_does_not_keep_a_key_that_may_be_rolled_back(fresh_platform):
    pool, ring = await fresh_platform.pool(), KeyRing(fresh_platform.home.box(), seconds=600)
    async with pool.connection() as conn:
        transaction = conn.raw.transaction()
        await transaction.start()
        undone = await ring.current(conn, "oidc")
        assert (await ring.current(conn, "oidc")).key_id == undone.key_id
        await transaction.rollback()
    async with pool.connection() as conn:
        kept = await ring.current(conn, "oidc")
        assert kept.key_id != undone.key_id
        await ring.current(conn, "oidc")
        await keys.rotate(await fresh_platform.connect(OWNER), fresh_platform.home.box(), "oidc")
        assert (await ring.current(conn, "oidc")).key_id == kept.key_id  # as long as it may
        assert (await KeyRing(fresh_platform.home.box()).current(conn, "oidc")).key_id != kept.key_id


async def test_m7_a_revoked_key_verifies_nothing_and_signs_nothing(owner, box):
    old = await keys.current(owner, box, "receipt")
    new = await keys.revoke(owner, box, old.key_id, "copied")
    assert new is not None
    assert (await keys.current(owner, box, "receipt")).key_id == new.key_id != old.key_id
    assert [key["kid"] for key in (await keys.public_set(owner, "receipt"))["keys"]] == [new.key_id]
    with pytest.raises(LookupError):
        await keys.revoke(owner, box, old.key_id, "again")


async def test_m7_a_retired_key_is_revoked_without_touching_the_one_that_signs(owner, box):
    old = await keys.current(owner, box, "oidc")
    new = await keys.rotate(owner, box, "oidc")
    assert await keys.revoke(owner, box, old.key_id, "copied") is None
    assert (await keys.current(owner, box, "oidc")).key_id == new.key_id
    assert [one.revoked_reason for one in await keys.known(owner)] == [None, "copied"]
