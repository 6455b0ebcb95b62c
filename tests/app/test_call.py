"""`moyai call`: where the values of a line come from, and whom it is about, before anything is sent."""

from __future__ import annotations

import stat
import time

import msgspec
import pytest

from moyai.base.config import Home
from moyai.calling import CallError
from moyai.commands.call_people import Phone, RunFile, find, read_run_file, subject
from moyai.commands.call_sending import Asked, run
from moyai.commands.call_values import Taking, filled, filled_url, member, names, takings
from tests.conftest import write_home

_LINKS = [{"provider": "steps", "consumer": "advice"}, {"provider": "scale", "consumer": "advice"}]


def _resident(key: str, municipality: str, *clients: str) -> dict[str, object]:
    return {
        "key": key,
        "resident_id": f"ID-{key}",
        "login": f"login-{key}",
        "password": "secret words",
        "totp_secret": "JBSWY3DPEHPK3PXP",
        "municipality": municipality,
        "subjects": {client: f"{key}-at-{client}" for client in clients},
    }


@pytest.fixture
def facts() -> dict[str, object]:
    """As `run.json`: ichi uses all of the service, ni a part, san lives elsewhere, yon could begin."""
    return {
        "base_url": "http://localhost:8400",
        "residents": [
            _resident("ni", "372013", "steps-client"),
            _resident("ichi", "372013", "steps-client", "scale-client", "advice-client"),
            _resident("san", "373419"),
            _resident("yon", "372013"),
        ],
        "services": [{"id": "health", "municipalities": ["372013"], "links": _LINKS}],
        "clients": [
            *({"id": f"{one}-client", "component": one} for one in ("steps", "scale", "advice")),
            {"id": "desk", "component": None},
        ],
        "touch_point": {"id": "portal-app"},
    }


@pytest.fixture
def known(facts: dict[str, object]) -> RunFile:
    return msgspec.convert(facts, RunFile)


@pytest.mark.parametrize(
    ("who", "key"),
    [
        ("using:health", "ichi"),
        ("new-to:health", "yon"),
        ("ni", "ni"),
        ("login-san", "san"),
    ],
)
def test_a_resident_is_found_without_being_named(known: RunFile, who: str, key: str):
    assert find(known, who).key == key


@pytest.mark.parametrize("who", ["using:nothing", "friend-of:health", "nobody"])
def test_who_is_not_there_is_said(known: RunFile, who: str):
    with pytest.raises(CallError, match=who):
        find(known, who)


def test_a_subject_is_the_one_of_the_calling_client(known: RunFile):
    assert subject(find(known, "ni"), "steps-client") == "ni-at-steps-client"
    with pytest.raises(CallError, match="not logged in there"):
        subject(find(known, "ni"), "advice-client")


def test_without_a_running_platform_nobody_can_be_found(tmp_path):
    with pytest.raises(CallError, match="moyai up"):
        read_run_file(Home(tmp_path))


def test_values_go_into_urls_encoded_and_into_strings_of_bodies():
    values = {"subject": "a/b?c"}
    assert filled_url("/subjects/{subject}/items", values) == "/subjects/a%2Fb%3Fc/items"
    assert filled({"s": "{subject}", "n": [1, "{other}"]}, values) == {"s": "a/b?c", "n": [1, "{other}"]}
    assert names("/x/{one}", None, '{"two": "{two}"}') == {"one", "two"}
    with pytest.raises(CallError, match="resident"):
        filled_url("/residents/{resident}", values)


def test_what_to_take_names_a_source_and_a_member():
    assert takings(["act=/a?b=c#/rows/0/act_id", "code=-#/code"]) == [
        Taking("act", "/a?b=c", "/rows/0/act_id"),
        Taking("code", "-", "/code"),
    ]
    with pytest.raises(CallError, match="NAME=SOURCE"):
        takings(["act=/a"])


def test_a_member_is_found_by_its_pointer():
    document = {"rows": [{"a/b": "x", "n": 3, "~": {"deep": True}}]}
    assert member(document, "/rows/0/a~1b") == "x"
    assert member(document, "/rows/0/n") == "3"
    assert member(document, "/rows/0/~0/deep") == "true"
    for wrong in ("/rows/1", "/rows/x", "/none", "/rows/0/n/more"):
        with pytest.raises(CallError, match=wrong):
            member(document, wrong)


async def test_what_the_phone_holds_is_sealed_and_stays(tmp_path, known: RunFile):
    home = write_home(tmp_path)
    phone = Phone(home, known, find(known, "ichi"))
    phone.person.authorization.access_token = "held-token"
    phone.person.authorization.until = time.time() + 60
    await phone.close()
    kept = tmp_path / "called.sealed"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert b"held-token" not in kept.read_bytes()
    again, other = Phone(home, known, find(known, "ichi")), Phone(home, known, find(known, "ni"))
    assert await again.person.token() == "held-token"
    assert other.person.authorization.access_token == ""
    await again.close()
    await other.close()


def test_a_body_is_one_thing(tmp_path):
    with pytest.raises(CallError, match="not both"):
        run(Asked("POST", "http://localhost:1/x", data="{}", form=["a=b"]), tmp_path)
