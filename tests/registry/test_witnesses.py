"""A witness is registered with a key that can be a witness's, and ended by an act of its own."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from moyai import registry
from moyai.base.errors import Problem
from moyai.ledger import Kind
from moyai.ledger.note import LOG_KEY, WITNESS_KEY, Signer
from moyai.registry.declarations import WitnessDeclaration
from tests.factories import make_organization


def vkey(name: str = "c1.example/witness", kind: int = WITNESS_KEY) -> str:
    return Signer(name, Ed25519PrivateKey.generate()).verifier(kind).vkey()


def declared(key: str, witness_id: str = "c1") -> WitnessDeclaration:
    return WitnessDeclaration(witness_id, "city", key, "https://witness.example.jp")


@pytest.fixture
async def control(control):
    await make_organization(control, "city")
    return control


@pytest.mark.parametrize(
    "key",
    [
        "nonsense",
        "c1+00000000+BAAA",
        vkey(kind=LOG_KEY),
        vkey().replace("+", "+0", 1),
        f"{vkey()} ",
        f" {vkey()}",
        "c1.example/witness++",
    ],
    # keys are made anew at each run, and the test's name must not be
    ids=["nonsense", "no key", "of a log", "another hash", "space behind", "space before", "empty"],
)
async def test_m12_a_key_that_no_witness_can_have_is_refused(control, key):
    with pytest.raises(Problem) as refused:
        await registry.register_witness(control, declared(key), "test")
    assert refused.value.code == "witness_key_invalid"
    assert await registry.all_witnesses(control) == []


async def test_m12_two_witnesses_never_share_a_key_under_whatever_name(control):
    private = Ed25519PrivateKey.generate()
    one, same = (Signer(name, private).verifier(WITNESS_KEY).vkey() for name in ("c1.example", "c2.example"))
    await registry.register_witness(control, declared(one), "test")
    assert (await registry.register_witness(control, declared(one), "test")).outcome == "unchanged"
    with pytest.raises(Problem, match="key of the witness c1"):
        await registry.register_witness(control, declared(same, "c2"), "test")
    await registry.end_witness(control, "c1", "lost", "test")
    with pytest.raises(Problem, match="key of the witness c1"):
        await registry.register_witness(control, declared(same, "c2"), "test")


async def test_a_witness_is_ended_with_a_reason_and_does_not_come_back(control):
    key = vkey()
    await registry.register_witness(control, declared(key), "test")
    for reason in ("", "  ", "a\x00"):
        with pytest.raises(Problem, match="reason"):
            await registry.end_witness(control, "c1", reason, "test")
    assert (await registry.end_witness(control, "c1", "its key was lost", "operator")).outcome == "changed"
    assert (await registry.end_witness(control, "c1", "again", "operator")).outcome == "unchanged"
    assert await registry.all_witnesses(control) == []
    with pytest.raises(Problem, match="was ended"):
        await registry.register_witness(control, declared(vkey()), "test")
    with pytest.raises(Problem, match="no witness"):
        await registry.end_witness(control, "c9", "why", "operator")
    body = await control.fetchval("select body from ledger.content where kind = $1", Kind.WITNESS_ENDED)
    assert key in body
    assert '"reason":"its key was lost"' in body
    assert '"actor":"operator"' in body
