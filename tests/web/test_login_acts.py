"""Log-ins, locks, password changes, authorisations and their ends are on record, and the resident reads them (M5)."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.identity import staff, staff_logins
from moyai.identity.staff import StaffDeclaration
from tests.web.peers import Person, form_of
from tests.web.touch_point import CALLBACK, Scene, make_scene

NEW = "みどりの舟が三つ並ぶ港"


@pytest.fixture
async def scene(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Scene:
    return await make_scene(control, box, web)


async def _recorded(control: Connection, *kinds: str, resident: int | None = None) -> list[dict[str, Any]]:
    rows = await control.fetch("select resident_key, body from ledger.content order by at, entry_id")
    found = [{**msgspec.json.decode(row["body"]), "of": row["resident_key"]} for row in rows]
    return [one for one in found if one["kind"] in kinds and resident in (None, one["of"])]


async def _history(scene: Scene) -> list[str]:
    rows = (await scene.app.call("GET", "/consent/v1/history", scene.tokens["access_token"])).json()["rows"]
    return [row["text_ja"] for row in rows]


async def test_m5_a_log_in_and_an_authorisation_are_on_record(scene: Scene, control: Connection) -> None:
    (login,) = await _recorded(control, "logged_in")
    assert login["actor"] == f"resident:{scene.resident.resident_id}"
    assert (login["of"], login["detail"]["factors"], login["detail"]["aal"]) == (
        scene.resident.resident_key,
        ["pwd", "otp"],
        2,
    )
    (allowed,) = await _recorded(control, "authorization_given")
    assert (allowed["detail"]["client_id"], allowed["detail"]["scopes"]) == (
        "portal-app",
        ["openid", "consent"],
    )
    told = await _history(scene)
    assert "あなたが、パスワードと確認コードでログインしました。" in told
    assert any("あなたの代わりをすることを許可しました。" in one for one in told)
    assert "あなたの代わりをすることを許可しました。" in (await scene.hanako.http.get("/portal/history")).text


async def test_m5_each_authorisation_is_on_record_not_only_the_first(
    scene: Scene, control: Connection
) -> None:
    await scene.code()
    await scene.code()
    assert len(await _recorded(control, "authorization_given")) == 3
    assert len(await _recorded(control, "subject_tied")) == 1


async def test_m5_a_second_use_of_a_refresh_token_is_on_record(scene: Scene, control: Connection) -> None:
    await scene.refresh()
    for _ in range(2):
        assert (await scene.refresh()).status_code == 400
    (reuse,) = await _recorded(control, "refresh_reused")
    assert (reuse["actor"], reuse["detail"]["why"]) == ("client:portal-app", "refresh_reused")
    assert reuse["of"] == scene.resident.resident_key
    page = (await scene.hanako.http.get("/portal/history")).text
    assert "許可が二重に使われました。盗まれたおそれがあるので、終わりにしました。" in page


async def test_m5_a_second_use_of_a_code_is_on_record(scene: Scene, control: Connection) -> None:
    code = await scene.code()
    for _ in range(2):
        await scene.app.redeem(code, CALLBACK)
    (reuse,) = await _recorded(control, "refresh_reused")
    assert reuse["detail"]["why"] == "code_reused"


async def test_m5_a_revocation_by_the_app_is_on_record_once(scene: Scene, control: Connection) -> None:
    for _ in range(2):
        await scene.app.post("/oauth2/revoke", {"token": scene.tokens["refresh_token"]})
    (ended,) = await _recorded(control, "authorization_ended")
    assert ended["detail"]["why"] == "client"


async def test_m5_a_lock_is_on_record_and_its_guesses_are_not(
    scene: Scene, control: Connection, app: object
) -> None:
    """From a browser that nobody knows: ten failures close the log-in there."""
    scene.hanako.http.cookies.clear()
    page = await scene.hanako.http.get("/login")
    form = {**form_of(page, "/login"), "login": scene.hanako.login, "password": "wrong"}
    for _ in range(12):
        await scene.hanako.http.post("/login", data=form)
    (lock,) = await _recorded(control, "login_locked")
    assert (lock["of"], lock["actor"], lock["detail"]["minutes"]) == (
        scene.resident.resident_key,
        "anybody",
        1,
    )
    assert any("まちがった入力が続きました" in one for one in await _history(scene))


async def test_m5_names_that_nobody_has_are_on_nobodys_record(scene: Scene, control: Connection) -> None:
    scene.hanako.http.cookies.clear()
    page = await scene.hanako.http.get("/login")
    form = {**form_of(page, "/login"), "login": "nobody-at-all", "password": "wrong"}
    for _ in range(12):
        await scene.hanako.http.post("/login", data=form)
    assert await _recorded(control, "login_locked") == []


async def test_m5_a_password_change_is_on_record(scene: Scene, control: Connection) -> None:
    form = form_of(await scene.hanako.http.get("/login/password"), "/login/password")
    typed = {"old": scene.hanako.password, "code": scene.hanako.code(1), "new": NEW, "again": NEW}
    answer = await scene.hanako.http.post("/login/password", data={**form, **typed})
    assert answer.status_code == 303, answer.text
    (change,) = await _recorded(control, "password_changed")
    assert change["of"] == scene.resident.resident_key
    assert "あなたが、パスワードを変えました。" in (await scene.hanako.http.get("/portal/history")).text


async def test_m5_a_log_out_is_on_record(scene: Scene, control: Connection) -> None:
    form = form_of(await scene.hanako.http.get("/portal"), "/logout")
    await scene.hanako.http.post("/logout", data=form)
    (out,) = await _recorded(control, "logged_out")
    assert out["of"] == scene.resident.resident_key


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("DELETE", "/identity/v1/me/authorizations/{authorization_id}", "authorization_ended"),
        ("DELETE", "/identity/v1/me/sessions/{session_id}", "access_ended"),
        ("DELETE", "/identity/v1/me/sessions", "access_ended"),
    ],
    ids=["authorization", "session", "others"],
)
async def test_m5_what_the_resident_ends_is_on_record(
    scene: Scene, control: Connection, method: str, path: str, kind: str
) -> None:
    token = scene.tokens["access_token"]
    apps = (await scene.app.call("GET", "/identity/v1/me/authorizations", token)).json()["authorizations"]
    browsers = (await scene.app.call("GET", "/identity/v1/me/sessions", token)).json()["sessions"]
    whole = path.format(authorization_id=apps[0]["authorization_id"], session_id=browsers[0]["session_id"])
    assert (await scene.app.call(method, whole, token)).status_code == 204
    (ended,) = await _recorded(control, kind)
    assert (ended["actor"], ended["of"]) == (
        f"resident:{scene.resident.resident_id}",
        scene.resident.resident_key,
    )


async def test_m5_staff_log_ins_are_on_record_and_in_nobodys_history(
    scene: Scene, control: Connection, box: SecretBox
) -> None:
    await staff.declare(control, StaffDeclaration("mado-c1", "窓口の人", "c1", ["desk"]), "test")
    issued = await staff_logins.issue_login(control, box, "mado-c1", "test")
    clerk = Person(scene.hanako.http, issued.login, issued.password, issued.totp_secret)
    await clerk.log_in()
    entries = [one for one in await _recorded(control, "logged_in") if one["actor"].startswith("staff:")]
    assert [one["of"] for one in entries] == [0]
    assert "mado-c1" not in str(entries)


async def test_m5_the_secrets_themselves_are_on_no_record(scene: Scene, control: Connection) -> None:
    bodies = str(await control.fetch("select body from ledger.content"))
    tokens = [scene.tokens[name] for name in ("access_token", "refresh_token", "id_token")]
    for secret in (scene.hanako.password, scene.hanako.login, *tokens):
        assert secret not in bodies
