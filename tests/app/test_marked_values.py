"""Marked values through a real `serve` and `worker` with their logs on: afterwards each mark lies only where it belongs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from moyai.base.db import connect
from moyai.base.engine import ADMIN
from tests.conftest import Platform
from tests.factories import Town, make_client, make_component, make_town
from tests.personal.conftest import register_store
from tests.stack import free_port
from tests.web.consent.conftest import Touch
from tests.web.in_process import BASE
from tests.web.peers import Party, Person, members_of

CALLBACK = "http://localhost:9/callback"
ROOT = Path(__file__).resolve().parents[2]

CONTENT, REJECTED, BROKEN, STRAY = (
    "canary-content-71",
    "canary-rejected-72",
    "canary-broken-73",
    "canary-stray-74",
)
FAMILY, ADDRESS, PASSWORD, GUESS = (
    "鳴鳥印",
    "香川県高松市番町7-7-7鳴鳥荘",
    "canary-Password-75",
    "canary-guess-76",
)
KANA = "カナリアノシルシ"


@dataclass
class Marks:
    """What must be nowhere, and what must be only in the named tables (`database.schema.table`)."""

    nowhere: dict[str, str] = field(default_factory=dict)
    only: dict[str, tuple[str, set[str]]] = field(default_factory=dict)

    def secret(self, name: str, value: str) -> None:
        assert len(value) >= 12, name
        self.nowhere[name] = value


@contextmanager
def running(platform: Platform, port: int, output: Path) -> Iterator[None]:
    """`serve` and `worker` as processes of their own."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with output.open("wb") as file:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "moyai", command, "--dir", str(platform.home.directory)],
                cwd=ROOT,
                stdout=file,
                stderr=file,
                env=environment,
            )
            for command in ("serve", "worker")
        ]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=20)


async def ready(http: httpx.AsyncClient) -> None:
    for _ in range(900):
        try:
            if (await http.get("/health")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError("the platform did not start")


@pytest.fixture
async def town(fresh_platform: Platform) -> Town:
    control = await fresh_platform.pool()
    async with control.transaction() as conn:
        town = await make_town(conn)
    for organization in (town.c1, town.koiki):
        await register_store(control, fresh_platform, organization)
    return town


@pytest.fixture
async def http(fresh_platform: Platform, town: Town, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    port, config = free_port(), fresh_platform.home.config_file
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("[server]\n", f"[server]\nport = {port}\n"), encoding="utf-8")
    output = fresh_platform.home.logs / "output-of-processes"
    fresh_platform.home.logs.mkdir(parents=True, exist_ok=True)
    with running(fresh_platform, port, output):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            await ready(http)
            yield http


class Story:
    """Enrolment, log-in, consent, storing, exchange, and mistakes with marked values on the way."""

    def __init__(self, platform: Platform, town: Town, http: httpx.AsyncClient) -> None:
        self.platform, self.town, self.http = platform, town, http
        self.marks = Marks()

    async def party(self, client_id: str, component: Any = None, **how: Any) -> Party:
        party = Party(self.http, client_id, public=how.get("kind") == "touch_point")
        jwks = None if party.public else party.key.jwks
        async with (await self.platform.pool()).transaction() as conn:
            await make_client(conn, component, client_id=client_id, jwks=jwks, **how)
        return party

    async def play(self) -> Marks:
        login = await self.enrol()
        assert (await Person(self.http, login.login, GUESS, "A" * 32).log_in()).status_code != 303
        async with (await self.platform.pool()).transaction() as conn:
            portal = await make_component(conn, self.town.unei, "portal-app")
        touch = await self.signed_in(
            login,
            await self.party(
                "portal-app",
                portal,
                kind="touch_point",
                redirect_uris=(CALLBACK,),
                scopes=("openid", "consent"),
            ),
            "openid consent",
        )
        self.marks.secret("own password", login.password)
        self.marks.secret("own TOTP secret", login.totp.secret)
        resident = Touch(self.http, touch[0].dpop, touch[1], None)  # type: ignore[arg-type]
        await resident.join()
        undo_app = await self.party("undo", self.town.undo_app, redirect_uris=(CALLBACK,))
        mimamori = await self.party("mimamori", self.town.mimamori, redirect_uris=(CALLBACK,))
        provider = await self.subject(login, undo_app)
        consumer = await self.subject(login, mimamori)
        await self.store_and_ask(undo_app, provider, mimamori, consumer)
        self.marks.only["provider's subject"] = (
            provider,
            {
                "moyai_control.identity.pairwise",
                "moyai_personal_c1.store.item",
                "moyai_personal_c1.store.event",
            },
        )
        self.marks.only["consumer's subject"] = (consumer, {"moyai_control.identity.pairwise"})
        await resident.post("/consent/v1/services/kenko-mimamori/withdrawal", {})
        await asyncio.sleep(1.5)  # the worker integrates, the access log is flushed
        return self.marks

    async def enrol(self) -> Person:
        desk = await self.party(
            "desk", kind="desk", organization=self.town.c1, scopes=("identity:enrol", "identity:recover")
        )
        token = await self.client_token(desk)
        person = {
            "family_name": FAMILY,
            "given_name": "太郎",
            "family_kana": KANA,
            "given_kana": "タロウ",
            "birth_date": "1950-05-05",
            "address": ADDRESS,
            "municipality_code": "372013",
        }
        evidence = {"level": 2, "method": "desk_document", "document_class": "drivers_license"}
        made = await desk.call(
            "POST", "/identity/v1/residents", token, json={"person": person, "evidence": evidence}
        )
        assert made.status_code == 201, made.text
        path = f"/identity/v1/residents/{made.json()['resident_id']}/credentials"
        issued = (await desk.call("POST", path, token, json={"password": PASSWORD})).json()
        found = await desk.http.post(
            "/identity/v1/residents/search",
            json={"q": FAMILY, "reason": "procedure"},
            headers=self.headers(desk, token, "POST", "/identity/v1/residents/search"),
        )
        assert ADDRESS in found.text
        for where in ("family name", "address", "kana"):
            value = {"family name": FAMILY, "address": ADDRESS, "kana": KANA}[where]
            self.marks.only[where] = (value, {"moyai_control.identity.person"})
        self.marks.secret("password", PASSWORD)
        self.marks.secret("guessed password", GUESS)
        self.marks.secret("TOTP secret", issued["totp_secret"])
        return Person(self.http, issued["login"], PASSWORD, issued["totp_secret"])

    def headers(self, party: Party, token: str, method: str, path: str, **more: str) -> dict[str, str]:
        proof = party.dpop.proof(method, BASE + path, token)
        self.marks.secret(f"proof {len(self.marks.nowhere)}", proof)
        return {"Authorization": f"DPoP {token}", "DPoP": proof, "User-Agent": STRAY, **more}

    async def client_token(self, party: Party) -> str:
        assertion, proof = party.assertion(), party.dpop.proof("POST", f"{BASE}/oauth2/token")
        answer = await self.http.post(
            "/oauth2/token",
            data={
                **party.authentication(),
                "client_assertion": assertion,
                "grant_type": "client_credentials",
            },
            headers={"DPoP": proof},
        )
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        for name, value in (("assertion", assertion), ("token proof", proof), ("access token", token)):
            self.marks.secret(f"{name} of {party.client_id}", value)
        return token

    async def signed_in(self, person: Person, party: Party, scope: str) -> tuple[Party, str]:
        answer = await person.authorize(party.request(CALLBACK, scope=scope))
        code = members_of(answer)["code"]
        tokens = (await party.redeem(code, CALLBACK)).json()
        self.marks.secret(f"code of {party.client_id}", code)
        self.marks.secret(f"verifier of {party.client_id}", party.verifier)
        for name in ("access_token", "id_token", "refresh_token"):
            if name in tokens:
                self.marks.secret(f"{name} of {party.client_id}", tokens[name])
        for cookie in self.http.cookies.jar:
            self.marks.secret(f"cookie {cookie.name}", cookie.value or "")
        return party, tokens["access_token"]

    async def subject(self, person: Person, party: Party) -> str:
        _, token = await self.signed_in(person, party, "openid")
        answer = await party.call("GET", "/oauth2/userinfo", token)
        assert answer.status_code == 200, answer.text
        return answer.json()["sub"]

    async def store_and_ask(self, undo_app: Party, provider: str, mimamori: Party, consumer: str) -> None:
        token = await self.client_token(undo_app)
        items = f"/personal/v1/subjects/{provider}/datasets/steps/items"

        async def put(item: str, **body: Any) -> int:
            path = f"{items}/{item}"
            sent = self.headers(undo_app, token, "PUT", path, **{"Content-Type": "application/json"})
            return (await self.http.put(path, headers=sent, **body)).status_code

        assert await put("a", json={"content": {"steps": CONTENT}}) == 201
        assert await put("b", json={"content": REJECTED}) == 422
        assert await put("c", content=f'{{"content": {{"steps": "{BROKEN}'.encode()) == 400
        asking = {"subject": consumer, "purpose": "health-support", "datasets": ["steps"]}
        token = await self.client_token(mimamori)
        path, retry = "/personal/v1/exchange", {"Idempotency-Key": STRAY}
        for _ in range(2):
            sent = self.headers(mimamori, token, "POST", path, **retry)
            answer = await self.http.post(path, headers=sent, json=asking)
            assert CONTENT in answer.text
        for body in ({**asking, "purpose": "watch-over"}, {**asking, "datasets": [STRAY + "\0"]}):
            sent = self.headers(mimamori, token, "POST", path)
            assert (await self.http.post(path, headers=sent, json=body)).status_code in (403, 422)
        for stray in (
            f"/{STRAY}",
            f"/portal?q={STRAY}",
            f"/v2/entities/{STRAY}?type={STRAY}",
            f"{items}/{STRAY}",
        ):
            await self.http.get(stray, headers={"X-Correlation-Id": quote(FAMILY), "Cookie": f"x={STRAY}"})
        self.marks.only["content"] = (CONTENT, {"moyai_personal_c1.store.item"})
        for name, value in (("rejected", REJECTED), ("broken", BROKEN), ("stray", STRAY)):
            self.marks.secret(name, value)


async def all_tables(platform: Platform) -> dict[str, str]:
    """`database.schema.table` → all its rows as text (bytes as hexadecimal)."""
    found: dict[str, str] = {}
    admin = await connect(platform.dsn(ADMIN, "moyai_control"))
    databases = await admin.fetch("select datname from pg_database where datallowconn and not datistemplate")
    await admin.close()
    for database in (row["datname"] for row in databases):
        conn = await connect(platform.dsn(ADMIN, database))
        for table in await conn.fetch(
            "select schemaname || '.' || tablename as name from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema')"
        ):
            query = f"select string_agg(t::text, chr(10)) from {table['name']} t"
            found[f"{database}.{table['name']}"] = await conn.raw.fetchval(query) or ""
        await conn.close()
    return found


def all_files(platform: Platform) -> dict[str, bytes]:
    """Every file of the platform's directory and of the engine's, but for the engine's own data files."""
    places = [platform.home.directory, platform.home.engine.resolve()]
    data = platform.home.engine.resolve() / "data"
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files if not path.resolve().is_relative_to(data)}


class Search:
    def __init__(self, tables: dict[str, str], files: dict[str, bytes]) -> None:
        self.tables, self.files = tables, files

    def in_tables(self, value: str) -> set[str]:
        forms = (value, value.encode().hex())
        return {name for name, text in self.tables.items() if any(form in text for form in forms)}

    def in_files(self, value: str) -> list[str]:
        return [name for name, content in self.files.items() if value.encode() in content]


async def test_marked_values_are_only_where_they_belong(
    fresh_platform: Platform, town: Town, http: httpx.AsyncClient
) -> None:
    marks = await Story(fresh_platform, town, http).play()
    assert len(marks.nowhere) > 25
    search = Search(await all_tables(fresh_platform), all_files(fresh_platform))
    assert any(name.endswith("serve-access.jsonl") for name in search.in_files("/personal/v1/exchange"))
    misplaced: dict[str, Any] = {}
    for name, value in marks.nowhere.items():
        if found := [*search.in_tables(value), *search.in_files(value)]:
            misplaced[name] = found
    for name, (value, home) in marks.only.items():
        tables = search.in_tables(value)
        assert tables & home, f"{name}: the search would have found it where it belongs"
        if found := [*(tables - home), *search.in_files(value)]:
            misplaced[name] = found
    assert misplaced == {}
