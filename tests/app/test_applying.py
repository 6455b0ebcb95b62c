"""`moyai apply`: a file becomes registry entries through the same actions as the API, once."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from moyai import registry
from moyai.applying import Report, Surroundings, apply, apply_file, login_password, print_report
from moyai.applying.client_keys import key_file
from moyai.applying.registry_file import parse, read
from moyai.base.config import Home
from moyai.base.db import Connection
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.ledger.note import WITNESS_KEY, Signer
from moyai.registry import acting
from moyai.registry.persons import Person
from tests.conftest import Platform, RolledBack

SCENARIO = Path(__file__).parents[2] / "scenarios" / "type-2.1.toml"

WITNESS = Signer("c1", Ed25519PrivateKey.generate()).verifier(WITNESS_KEY).vkey()
AROUND = Surroundings(
    urls={"mimamori": "http://localhost:4701"},
    witnesses={"c1": (WITNESS, "http://localhost:4801")},
)


@pytest.fixture
def home(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The session's platform, with a client-key directory of this test's own and no stores to make."""
    monkeypatch.setattr(
        "moyai.applying.client_keys.key_file", lambda _, client: tmp_path / f"{client}.jwk.json"
    )
    monkeypatch.setattr("moyai.applying.steps.provision_missing", _no_stores)
    return platform.home


async def _no_stores(*_: object) -> list[registry.Change]:
    return []


async def applied(home: Home, database: RolledBack, text: str) -> Report:
    return await apply(home, database, parse(text), Surroundings(), file="test.toml")


async def test_the_scenario_is_applied_once(home: Home, control_db: RolledBack):
    document = read(SCENARIO)
    first = await apply(home, control_db, document, AROUND, file="type-2.1.toml")
    assert {change.outcome for change in first.changes} == {"created"}
    assert first.logins == ["desk-c1", "desk-c2", "desk-c1-2", "operator", "operator-2", "auditor"]
    assert first.waiting == ["c2"]
    second = await apply(home, control_db, document, AROUND, file="type-2.1.toml")
    assert second.changed == []
    assert second.logins == []


async def test_addresses_known_before_are_kept_when_nothing_runs(home: Home, control_db: RolledBack):
    document = read(SCENARIO)
    await apply(home, control_db, document, AROUND, file="a")
    assert (await apply(home, control_db, document, Surroundings(), file="b")).changed == []
    async with control_db.connection() as conn:
        client = await registry.client(conn, "mimamori")
        assert (await registry.component(conn, "mimamori")).url == "http://localhost:4701"
    assert client.redirect_uris == ["http://localhost:4701/callback"]


async def test_a12_a_port_that_was_taken_moves_a_client_at_once_and_another_host_waits(
    home: Home, control_db: RolledBack
):
    document = read(SCENARIO)
    await apply(home, control_db, document, AROUND, file="a")
    for place, outcome in (("http://localhost:4999", "changed"), ("https://thief.example.jp", "pending")):
        around = Surroundings({**AROUND.urls, "mimamori": place}, AROUND.witnesses)
        report = await apply(home, control_db, document, around, file="a")
        found = {one.id: one.outcome for one in report.changed if one.noun == "client"}
        assert found == {"mimamori": outcome}


async def test_only_public_keys_are_registered(home: Home, control_db: RolledBack, tmp_path: Path):
    await apply(home, control_db, read(SCENARIO), AROUND, file="a")
    file = tmp_path / "mimamori.jwk.json"
    private = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    async with control_db.connection() as conn:
        jwks = (await registry.client(conn, "mimamori")).jwks
        portal = await registry.client(conn, "portal-app")
    assert jwks is not None
    assert (jwks["keys"][0]["x"], "d" in jwks["keys"][0]) == (private["x"], False)
    assert portal.jwks is None


async def test_every_service_of_the_scenario_is_offered(home: Home, control_db: RolledBack):
    await apply(home, control_db, read(SCENARIO), AROUND, file="a")
    async with control_db.connection() as conn:
        offered = {service.service_id: service for service in await registry.offered_services(conn)}
        for dataset in await registry.all_links(conn):
            assert dataset.purpose_ja
    assert offered["kenko-mimamori"].municipality_codes == ["372013"]
    assert (offered["kenko-mimamori"].required_ial, offered["kenko-mimamori"].required_aal) == (2, 2)
    assert offered["c2-gyosei"].municipality_codes == ["373419"]


async def test_a_file_is_applied_whole_or_not_at_all(home: Home, control_db: RolledBack):
    with pytest.raises(Problem) as refused:
        await applied(
            home,
            control_db,
            """
            [[organization]]
            organization_id = "lonely"
            name_ja = "ひとり"
            name_en = "Lonely"
            kind = "company"
            [[link_end]]
            link = "unknown"
            reason = "x"
            """,
        )
    assert refused.value.code == "does_not_exist"
    async with control_db.connection() as conn:
        assert "lonely" not in {one.organization_id for one in await registry.all_organizations(conn)}


async def test_h4_a_file_suspends_and_never_lifts_or_renews(home: Home, control_db: RolledBack):
    await apply(home, control_db, read(SCENARIO), AROUND, file="a")
    suspend = '[[suspension]]\norganization = "koiki"\nreason = "報告の遅れ"'
    assert [one.outcome for one in (await applied(home, control_db, suspend)).changes] == ["created"]
    assert (await applied(home, control_db, suspend)).changed == []
    async with control_db.connection() as conn:
        assert (await registry.organization(conn, "koiki")).state == "suspended"
    assert (await apply(home, control_db, read(SCENARIO), AROUND, file="a")).changed == []
    async with control_db.connection() as conn:
        assert (await registry.organization(conn, "koiki")).state == "suspended"
        await registry.reinstate_organization(conn, "koiki", "改善を確認", "staff:a")
    assert (await applied(home, control_db, suspend)).changed == []
    async with control_db.connection() as conn:
        assert (await registry.organization(conn, "koiki")).state == "certified"


async def test_h4_applying_an_unchanged_file_changes_nothing_that_was_stopped(
    home: Home, control_db: RolledBack
):
    await apply(home, control_db, read(SCENARIO), AROUND, file="a")
    journal = Journal.of(home)
    async with control_db.connection() as conn:
        await registry.suspend_service(conn, "kenko-mimamori", "情報漏えいの疑い", "staff:a", journal)
        await registry.disable_client(conn, "mimamori", "鍵の紛失", "staff:a", journal)
    again = await apply(home, control_db, read(SCENARIO), AROUND, file="a")
    assert again.changed == []
    async with control_db.connection() as conn:
        await registry.end_link(conn, "kenko-steps", "見直し", "staff:a", journal)
    again = await apply(home, control_db, read(SCENARIO), AROUND, file="a")
    assert [one.noun for one in again.changed] == ["terms"], "which no longer name the link that has ended"
    async with control_db.connection() as conn:
        assert (await registry.service(conn, "kenko-mimamori")).state == "suspended"
        assert (await registry.client(conn, "mimamori")).state == "disabled"
        assert (await registry.link(conn, "kenko-steps")).state == "ended"


async def test_the_how_to_page_connects_an_organisation(home: Home, control_db: RolledBack):
    page = (SCENARIO.parents[1] / "docs" / "how-to" / "connect-an-organization.md").read_text(
        encoding="utf-8"
    )
    connect, suspend = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    await apply(home, control_db, read(SCENARIO), AROUND, file="a")
    first = await applied(home, control_db, connect)
    assert [(one.id, one.outcome) for one in first.changes] == [("marugame", "pending"), ("sleep", "created")]
    later = [("certification", "marugame"), ("component", "nemuri-app"), ("client", "nemuri-app")]
    assert [(one.noun, one.id) for one in first.later] == later
    async with control_db.connection() as conn:
        await confirmed_by_two(conn, first.changes[0].pending)
    second = await applied(home, control_db, connect)
    assert [one.outcome for one in second.changed] == ["created"] * 3
    assert second.later == []
    await applied(home, control_db, suspend)
    async with control_db.connection() as conn:
        assert (await registry.organization(conn, "marugame")).state == "suspended"
        assert (await registry.component(conn, "nemuri-app")).datasets == ["sleep"]


async def confirmed_by_two(conn: Connection, pending: object) -> None:
    """Both operators of the scenario say so."""
    for login in ("operator", "operator-2"):
        row = await conn.fetchrow("select staff_id, staff_number from identity.staff where login = $1", login)
        assert row is not None
        by = Person(row["staff_id"], row["staff_number"], "unei", frozenset({"operator"}))
        ended = await acting.confirm(conn, str(pending), by)
    assert ended.state == "done"


async def test_a1_what_names_something_that_waits_is_left_for_later_and_nothing_else_is(
    home: Home, control_db: RolledBack, capsys: pytest.CaptureFixture[str]
):
    """A component for a town that has clients waits; what rests on it comes with the next time; a mistake is a mistake."""
    await apply(home, control_db, read(SCENARIO), AROUND, file="a")
    more = """
    [[component]]
    component_id = "more"
    organization = "c1"
    name_ja = "もう一つ"
    name_en = "One more"

    [[client]]
    client_id = "more-client"
    kind = "component"
    component = "more"
    name_ja = "もう一つ"
    name_en = "One more"
    scopes = ["personal:store"]
    """
    first = await applied(home, control_db, more)
    assert [(one.noun, one.outcome) for one in first.changed] == [("component", "pending")]
    assert [(one.noun, one.id, one.waits_for) for one in first.later] == [("client", "more-client", ["more"])]
    print_report(first, as_json=False)
    assert "client more-client was not applied: it names more, which waits" in capsys.readouterr().out
    with pytest.raises(Problem, match="does_not_exist"):
        await applied(home, control_db, more.replace('component = "more"', 'component = "mroe"'))
    async with control_db.connection() as conn:
        await confirmed_by_two(conn, first.changed[0].pending)
    second = await applied(home, control_db, more)
    assert [(one.noun, one.outcome) for one in second.changed] == [("client", "pending")]


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        ("[[organisation]]", "invalid_request", "organisation"),
        ("[[organization]]\norganization_id = 3", "invalid_request", "organization[0].organization_id"),
        ("[[service]]\nservice_id = 'UPPER'", "invalid_request", "service"),
        ("= broken", "malformed_request", "not TOML"),
    ],
)
def test_a_mistake_is_refused_by_its_place(text: str, code: str, named: str):
    with pytest.raises(Problem) as refused:
        parse(text)
    assert refused.value.code == code
    assert named in (refused.value.detail or "")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path):
    with pytest.raises(Problem) as refused:
        read(tmp_path / "none.toml")
    assert refused.value.code == "does_not_exist"


async def test_each_organisation_that_generates_data_gets_a_store_of_its_own(fresh_platform: Platform):
    home = fresh_platform.home
    report = await apply_file(home, SCENARIO, AROUND)
    assert [one.id for one in report.changes if one.noun == "store"] == ["c1", "c2", "koiki"]
    conn = await fresh_platform.connect()
    stores = {store.organization_id: store for store in await registry.all_stores(conn)}
    assert len({(store.database, store.role, store.sealed_password) for store in stores.values()}) == 3
    assert (await apply_file(home, SCENARIO, AROUND)).changed == []
    assert login_password(home.secrets(), "operator") == login_password(home.secrets(), "operator")
    assert key_file(home, "undo-app").exists()


STAFF = """
[[staff]]
login = "mado-1"
name = "窓口 一"
organization_id = "unei"
roles = ["auditor"]
staff_number = "11"
"""

OPERATOR = """
[[organization]]
organization_id = "unei"
kind = "operating_organization"
name_ja = "運営機構"
name_en = "Operating organisation"
"""


async def test_m10_whoever_leaves_the_file_is_disabled_and_it_says_so(home: Home, control_db: RolledBack):
    await applied(home, control_db, OPERATOR + STAFF)
    report = await applied(home, control_db, OPERATOR)
    assert [(one.noun, one.id, one.outcome) for one in report.changed] == [
        ("staff_stop", "mado-1", "created")
    ]
    again = await applied(home, control_db, OPERATOR + STAFF)
    assert again.changed == []
    async with control_db.connection() as conn:
        row = await conn.fetchrow("select state, state_reason from identity.staff where login = 'mado-1'")
    assert row is not None
    assert (row["state"], "test.toml" in row["state_reason"]) == ("disabled", True)


async def test_m10_another_file_ends_nobody(home: Home, control_db: RolledBack):
    await apply(home, control_db, parse(OPERATOR + STAFF), Surroundings(), file="a.toml")
    assert (await apply(home, control_db, parse(OPERATOR), Surroundings(), file="b.toml")).changed == []


async def test_m10_only_an_empty_platform_waits_for_nobody(home: Home, control_db: RolledBack):
    boss = STAFF.replace("auditor", "operator")
    first = await applied(home, control_db, OPERATOR + boss)
    assert {one.outcome for one in first.changes} == {"created"}
    more = boss.replace("mado-1", "mado-2").replace('"11"', '"12"')
    second = await applied(home, control_db, OPERATOR + boss + more)
    (waiting,) = second.changed
    assert (waiting.noun, waiting.id, waiting.outcome, second.logins) == ("staff", "mado-2", "pending", [])
    third = await applied(home, control_db, OPERATOR + boss + more)
    assert [one.pending for one in third.changed] == [waiting.pending]


async def _in_force(database: RolledBack) -> dict[str, bool]:
    async with database.connection() as conn:
        rows = await conn.fetch("select login, in_force_since is not null as in_force from identity.staff")
    return {row["login"]: row["in_force"] for row in rows}


async def test_b1_whom_the_first_file_names_is_in_force_and_who_comes_later_waits(
    home: Home, control_db: RolledBack, capsys: pytest.CaptureFixture[str]
):
    boss = STAFF.replace("auditor", "operator")
    first = await applied(home, control_db, OPERATOR + boss)
    assert (first.logins, first.unconfirmed) == (["mado-1"], [])
    clerk = STAFF.replace("auditor", "desk").replace("mado-1", "mado-2").replace('"11"', '"12"')
    second = await applied(home, control_db, OPERATOR + boss + clerk)
    assert second.unconfirmed == ["mado-2"]
    assert await _in_force(control_db) == {"mado-1": True, "mado-2": False}
    print_report(second, as_json=False)
    assert "moyai issue mado-2" in capsys.readouterr().out


async def test_b1_a_platform_without_any_operator_takes_them_from_the_machines_file(
    home: Home, control_db: RolledBack
):
    """Nobody is there who could be the second: as on an empty platform."""
    await applied(home, control_db, OPERATOR)
    await applied(home, control_db, OPERATOR + STAFF.replace("auditor", "operator"))
    assert await _in_force(control_db) == {"mado-1": True}


async def test_b1_another_file_of_the_same_name_ends_nobody(home: Home, control_db: RolledBack):
    for place, text in (("/one", OPERATOR + STAFF), ("/two", OPERATOR)):
        await apply(home, control_db, parse(text), Surroundings(), file=f"{place}/staff.toml")
    async with control_db.connection() as conn:
        row = await conn.fetchrow("select state, declared_in from identity.staff")
    assert row is not None
    assert (row["state"], row["declared_in"]) == ("active", "/one/staff.toml")
    report = await apply(home, control_db, parse(OPERATOR), Surroundings(), file="/one/staff.toml")
    assert [(one.noun, one.id) for one in report.changed] == [("staff_stop", "mado-1")]


async def test_b1_what_an_earlier_release_noted_under_a_mere_name_belongs_to_the_file_that_names_it(
    home: Home, control_db: RolledBack
):
    two = OPERATOR + STAFF + STAFF.replace("mado-1", "mado-2").replace('"11"', '"12"')
    await apply(home, control_db, parse(two), Surroundings(), file="staff.toml")
    assert (
        await apply(home, control_db, parse(OPERATOR), Surroundings(), file="/two/staff.toml")
    ).changed == []
    report = await apply(home, control_db, parse(OPERATOR + STAFF), Surroundings(), file="/one/staff.toml")
    assert [(one.noun, one.id) for one in report.changed] == [("staff_stop", "mado-2")]
