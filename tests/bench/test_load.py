"""Load comes from compiled generators; without them there is a clear message, and a void round is no measurement."""

import time

import httpx
import pytest

from moyai.bench import data, load, signing
from moyai.bench.echo import application
from moyai.identity import dpop
from tests.serving import served


@pytest.fixture
def ground():
    return data.Ground(10, 1, 2, 3, [])


def test_a_missing_wrk_is_said_clearly(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(load.LoadError, match="apt-get install wrk"):
        load.wrk_program()


async def test_each_prepared_request_carries_a_proof_that_verifies_and_is_its_own(ground):
    sender = signing.Sender("http://localhost:8400")
    sender.token = "token"
    proofs = [sender.proof() for _ in range(3)]
    checked = [
        dpop.check_proof(
            proof,
            method="POST",
            url="http://localhost:8400/personal/v1/exchange",
            token_hash=dpop.token_hash("token"),
            now=time.time(),
        )
        for proof in proofs
    ]
    assert {one.jkt for one in checked} == {sender.jkt}
    assert len({one.jti for one in checked}) == 3


def test_prepared_requests_are_complete_http(ground):
    sender = signing.Sender("http://localhost:8400")
    request = sender.request(ground, 3)
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /personal/v1/exchange HTTP/1.1\r\nHost: localhost:8400\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b'"datasets":["bench-data-1","bench-data-2","bench-data-3"]' in body


async def test_the_echo_gives_back_what_it_was_sent():
    async with served(application) as url, httpx.AsyncClient() as http:
        answer = await http.post(f"{url}/echo", json={"a": [1, 2]})
    assert answer.json() == {"a": [1, 2]}
