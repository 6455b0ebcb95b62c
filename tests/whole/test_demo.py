"""What a newcomer does: one command tells the story, another starts it to stay; a second platform stands beside it."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pyotp.totp import TOTP

from moyai.base.config import Home
from moyai.base.db import connect
from moyai.base.processes import is_alive
from moyai.base.roles import SERVE
from moyai.recovery.beside import FILES
from moyai.recovery.manifest import LEFT_OUT
from moyai.supervisor import engine_running
from moyai.up.person import Login, Person
from moyai.web.docs_requests import OF_TWO
from moyai.web.openapi import is_api
from moyai.web.routes import ROUTES
from tests.browser import ROOT
from tests.documented import documented, send
from tests.stack import Stack, free_port, moyai, platform_up, small_scenario

pytestmark = pytest.mark.stack

# Twenty seconds on a machine that does nothing else; tests share theirs.
SECOND_START_SECONDS = 60

TYPE_2_1 = {
    "state": {
        "サービス提供スキーム": ["自治体のみ"],
        "サービス利用者の範囲": ["自治体内"],
        "基盤提供スキーム": ["運営組織"],
        "個人認証サービスの数": ["1"],
        "非パーソナルデータ連携基盤の数": ["1"],
        "パーソナルデータ連携基盤の数": ["1"],
    },
    "performance": {
        "非パーソナルブローカー(データ管理方式)": ["内部(接続組織単位でのデータベース分離なし)"],
        "パーソナルブローカー(データ管理方式)": ["内部(接続組織単位でのデータベース分離あり)"],
        "身元確認レベル": ["レベル2(郵送orオンライン、公的書類)"],
        "当人認証レベル": ["レベル2(複数要素)"],
        "基盤間連携(データ連携)": ["なし"],
        "基盤間連携(認証連携)": ["なし"],
        "住民向け規約": [
            "部品毎の責任範囲を記載",
            "基盤の責任範囲を区別して記載",
            "サービス提供組織の認定と監査に関する記載なし",
        ],
    },
}
REFUSALS = {
    "consent_missing", "consent_withdrawn", "purpose_not_registered", "consumer_not_linked",
    "organization_suspended", "outside_user_scope",
}  # fmt: skip


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=300)


async def counts(home: Home) -> dict[str, int]:
    """How much there is of everything that a second start must not lose."""
    conn = await connect(home.dsn(SERVE))
    try:
        row = await conn.fetchrow(
            """
            select (select count(*) from identity.resident) as residents,
                   (select count(*) from consent.act) as acts,
                   (select count(*) from consent.state where state = 1) as consents,
                   (select count(*) from personal.location) as locations,
                   (select count(*) from ledger.entry) as entries,
                   (select max(size) from ledger.checkpoint) as log_size
            """
        )
        return dict(row)
    finally:
        await conn.close()


class Told:
    """The story as `--once --json` told it, and what was left in the directory."""

    def __init__(self, directory: Path, result: subprocess.CompletedProcess[str]) -> None:
        self.directory = directory
        self.result = result
        self.report: dict[str, Any] = json.loads(result.stdout) if result.stdout else {}
        self.left_behind = processes_of(directory)


def processes_of(directory: Path) -> list[str]:
    """Command lines of living processes that name the directory."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(directory) in line and entry.name != str(os.getpid()) and is_alive(int(entry.name)):
            found.append(line)
    return found


@pytest.fixture(scope="module")
def told(scratch) -> Told:
    directory = scratch / "newcomer"
    return Told(
        directory,
        run(
            *moyai("up", "type-2.1", "--once", "--json", "--dir", str(directory), "--port", str(free_port()))
        ),
    )


@pytest.fixture(scope="module")
async def before(told) -> dict[str, int]:
    """What lay in the databases after the story, before the second start."""
    home = Home(told.directory)
    with engine_running(home):
        return await counts(home)


@contextmanager
def timed_start(directory: Path) -> Iterator[tuple[Stack, float]]:
    began = time.monotonic()
    with platform_up(directory) as stack:
        yield stack, time.monotonic() - began


@pytest.fixture(scope="module")
def second(told, before) -> Iterator[tuple[Stack, float]]:
    with timed_start(told.directory) as started:
        yield started


@pytest.fixture
def stack(second) -> Stack:
    return second[0]


def hana(stack: Stack) -> dict[str, Any]:
    return next(one for one in stack.facts["residents"] if one["key"] == "hana")


def test_the_story_holds_step_by_step_and_only_json_is_printed(told):
    assert told.result.returncode == 0, told.result.stderr[-2000:]
    assert set(told.report) == {"ok", "steps", "introspection"}
    steps = told.report["steps"]
    assert told.report["ok"] is True
    assert [one["name"] for one in steps if one["expected"] != one["got"] or one["ok"] is not True] == []
    # a page says what became of it in words of its own
    asked = [one for one in steps if "status" in one["got"] and "state" not in one["got"]]
    assert len(asked) > 60
    assert all(set(one["got"]) == set(one["expected"]) == {"status", "code"} for one in asked)
    assert all(one["got"]["code"] is None for one in asked if one["got"]["status"] < 400)


def test_six_refusals_have_six_reasons(told):
    refusals = {
        one["name"].split()[0]: one["got"].get("code")
        for one in told.report["steps"]
        if one["name"].startswith("断り") and one["got"].get("status") == 403
    }
    numbered = {name: code for name, code in refusals.items() if name[2:].isdigit()}
    assert len(numbered) == 6
    assert set(numbered.values()) == REFUSALS


def test_introspection_is_the_column_of_type_2_1(told):
    assert told.report["introspection"] == TYPE_2_1


def test_after_the_story_nothing_runs_and_run_json_is_gone(told):
    assert told.left_behind == []
    assert not (told.directory / "run.json").exists()


def test_a_key_that_others_may_read_stops_the_start_in_one_line(told):
    key = Home(told.directory).kek_file
    key.chmod(0o644)
    done = run(*moyai("up", "type-2.1", "--dir", str(told.directory), "--port", str(free_port())))
    key.chmod(0o600)
    assert done.returncode == 1
    assert done.stderr == f"moyai: {key} must not be readable by others (chmod 600)\n"
    assert processes_of(told.directory) == []


async def test_a_second_start_is_fast_and_loses_nothing(second, before):
    stack, seconds = second
    after = await counts(Home(stack.directory))
    assert seconds < SECOND_START_SECONDS
    assert after["residents"] == before["residents"] > 200
    assert {name: after[name] >= number for name, number in before.items()} == dict.fromkeys(before, True)


def test_a_backup_keeps_all_that_a_running_platform_holds_or_says_why_not(stack):
    held = {one.name for one in stack.directory.iterdir() if not one.name.startswith(".")}
    assert held - set(FILES) - set(LEFT_OUT) == set()
    assert set(FILES) <= held, "nothing is expected that is not there any more"


def test_run_json_tells_a_strangers_program_all_it_needs_and_only_its_owner(stack):
    assert stat.S_IMODE((stack.directory / "run.json").stat().st_mode) == 0o600
    facts = stack.facts
    assert facts["processes"].keys() >= {"postgres", "serve-1", "worker"}
    assert all(
        {"login", "password", "totp_secret", "municipality"} <= one.keys() for one in facts["residents"]
    )
    assert {one["municipality"] for one in facts["residents"]} == {"372013", "373419"}
    assert all({"id", "component", "organization", "redirect_uris"} <= one.keys() for one in facts["clients"])
    assert all(Path(one["key_file"]).is_file() for one in facts["clients"])
    assert {"id", "redirect_uris"} <= facts["touch_point"].keys()
    links = [link for service in facts["services"] for link in service["links"]]
    assert all(link.keys() == {"id", "provider", "consumer", "dataset", "purpose"} for link in links)
    assert len(links) >= 4


def test_demo_code_is_what_the_authenticator_shows(stack):
    person = hana(stack)
    shown = run(*moyai("demo", "code", person["login"], "--dir", str(stack.directory))).stdout.strip()
    totp = TOTP(person["totp_secret"])
    assert shown in {totp.at(time.time()), totp.at(time.time() - 30)}


def test_a_vendor_calls_and_the_short_consumer_runs(stack):
    asked = {
        "subject": hana(stack)["subjects"]["mimamori"],
        "purpose": "health-support",
        "datasets": ["steps"],
    }
    called = run(
        *moyai(
            "call",
            "POST",
            "/personal/v1/exchange",
            "--client",
            "mimamori",
            "--data",
            json.dumps(asked),
            "--dir",
            str(stack.directory),
        )
    )
    assert called.returncode == 0, called.stderr
    assert json.loads(called.stdout)["results"][0]["status"] == "ok"
    consumer = ROOT / "examples" / "consumer.py"
    assert len(consumer.read_text().splitlines()) < 60
    key = next(one["key_file"] for one in stack.facts["clients"] if one["id"] == "mimamori")
    answer = run(
        sys.executable, str(consumer), stack.url, "mimamori", key, asked["subject"], "health-support", "steps"
    )
    assert json.loads(answer.stdout)["results"][0]["dataset"] == "steps"


async def test_the_log_verifies_against_a_saved_checkpoint_and_a_witness(stack, tmp_path):
    async with aiohttp.ClientSession() as session, session.get(f"{stack.url}/log/v1/checkpoint") as answer:
        (tmp_path / "saved").write_text(await answer.text())
    witness = stack.facts["witnesses"][0]["url"]
    verified = run(
        *moyai("verify", stack.url, "--checkpoint", str(tmp_path / "saved"), "--witness", witness, "--json")
    )
    assert verified.returncode == 0, verified.stdout
    assert json.loads(verified.stdout)["ok"] is True


NOT_YET = {
    "GET /v2/types/{type}",
    *(f"{method} /v2/{kind}" for kind in ("subscriptions", "registrations") for method in ("GET", "POST")),
    *(f"{method} /v2/subscriptions/{{subscription_id}}" for method in ("GET", "PATCH", "DELETE")),
    *(f"{method} /v2/registrations/{{registration_id}}" for method in ("GET", "PATCH", "DELETE")),
    *(f"POST /v2/op/{name}" for name in ("update", "query", "notify")),
}
"""Operations of NGSIv2 that answer 501 and name themselves: the page says so, and shows no request."""


async def read_docs(stack: Stack) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{stack.url}/docs") as answer:
        assert answer.status == 200
        return await answer.text()


async def test_every_request_of_docs_works_as_it_stands(stack):
    shown = documented(await read_docs(stack))
    assert {str(one) for one in shown} == {
        f"{one.method} {one.path.replace(':path', '')}" for one in ROUTES if is_api(one)
    }
    assert {str(one) for one in shown if one.command is None} == NOT_YET | OF_TWO
    sendable = [one for one in shown if one.command is not None]
    # those that stand alone are first sent in the wrong order; then all in the order of the page, twice, because a
    # reader may have sent some already
    needed = {anchor for one in sendable for anchor in one.before}
    alone = [one for one in reversed(sendable) if not one.before and one.anchor not in needed]
    for one in [*alone, *sendable, *sendable]:
        outcome = await asyncio.to_thread(send, one.command, stack.directory)
        assert 200 <= outcome.status < 300, (str(one), one.command, outcome)


async def test_docs_name_nobody(stack):
    page = await read_docs(stack)
    for one in stack.facts["residents"]:
        for private in (one["resident_id"], one["login"], one["name"], *one["subjects"].values()):
            assert private not in page


async def test_an_idle_connection_outlives_those_of_clients(stack):
    """A server that closes first loses the request that is just being sent (aiohttp keeps a connection for 15 s)."""
    connection = http.client.HTTPConnection(stack.url.removeprefix("http://"), timeout=10)
    assert await asyncio.to_thread(health, connection) == 200
    used = connection.sock
    await asyncio.sleep(16)
    assert await asyncio.to_thread(health, connection) == 200
    assert connection.sock is used
    connection.close()


def health(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/health")
    answer = connection.getresponse()
    answer.read()
    return answer.status


async def cookies(stack: Stack) -> set[str]:
    """Names of the session cookies that a browser holds after a resident logged in to the portal."""
    one = stack.facts["residents"][-1]  # one whose authenticator's code nobody has used up
    person = Person(stack.url, Login(one["login"], one["password"], one["totp_secret"]), "portal-app")
    try:
        page = await person.visit(f"{stack.url}/portal")
        assert page.status == 200
        assert page.url == f"{stack.url}/portal"
        return {cookie.key for cookie in person._browser.cookie_jar if "session" in cookie.key}
    finally:
        await person.close()


async def test_two_platforms_stand_side_by_side_and_one_is_stopped_whole(stack, scratch):
    place = scratch / "beside"
    place.mkdir()
    with platform_up(place / "dir", scenario=str(small_scenario(place))) as beside:
        here, there = await cookies(stack), await cookies(beside)
        assert here
        assert there
        assert here & there == set()
        pids = beside.facts["processes"].values()
        os.kill(beside.facts["supervisor"], signal.SIGTERM)
    assert [pid for pid in pids if is_alive(pid)] == []
    assert processes_of(place / "dir") == []
    assert not (place / "dir" / "run.json").exists()
    async with aiohttp.ClientSession() as session, session.get(f"{stack.url}/health") as answer:
        assert answer.status == 200
