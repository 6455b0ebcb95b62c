"""Addresses that others send: compared to the letter, and never more of them in a header or a link than was checked.

The rows of the security review's "Low" list on redirect URIs, two slashes, log-out, cookies and HSTS.
"""

from __future__ import annotations

import httpx
import pytest

from moyai.base.config import Home
from moyai.base.db import Connection
from moyai.base.secrets import SecretBox
from moyai.web.pages import security_headers
from tests.conftest import RolledBack
from tests.web import in_process
from tests.web.peers import Person, form_of
from tests.web.touch_point import Scene, make_scene

HTTPS = "https://moyai.example"


@pytest.fixture
async def scene(control: Connection, box: SecretBox, web: httpx.AsyncClient) -> Scene:
    return await make_scene(control, box, web)


@pytest.mark.parametrize(
    "uri",
    [
        "http://:a; script-src-elem * 'unsafe-inline'@127.0.0.1/callback",
        "http://@127.0.0.1/callback",
        "http://127.0.0.1:1@127.0.0.1/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:080/callback",
        "http://127.0.0.1:80 ;/callback",
        "http://127.0.0.1/callback#",
        "http://127.0.0.1\\@evil.example/callback",
        "http://127.0.0.1/callback;'",
        "http://127.0.0.1/c\u0430llback",
        "http://１２７.0.0.1/callback",
        "http://127.0.0.1:\uff11/callback",
        "http://127.0.0.1/call\nback",
    ],
    ids=[
        "policy", "empty-user", "user", "no-port", "zero-port", "space", "fragment", "backslash", "quote",
        "cyrillic", "wide-host", "wide-port", "newline",
    ],
)  # fmt: skip
async def test_low_a_redirect_uri_is_compared_to_the_letter(scene: Scene, uri: str) -> None:
    answer = await scene.hanako.http.get("/oauth2/authorize", params=scene.app.request(uri))
    assert (answer.status_code, "location" in answer.headers) == (400, False)
    pushed = await scene.app.post("/oauth2/par", scene.app.request(uri))
    assert (pushed.status_code, pushed.json()["code"]) == (400, "redirect_uri_mismatch")


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://127.0.0.1:51234/callback?a=b", "http://127.0.0.1:51234"),
        ("https://user@service.example/x", "https://service.example"),
        ("http://[::1]:5000/x", "http://[::1]:5000"),
        ("http://:a; script-src *@127.0.0.1/x", "http://127.0.0.1"),
        ("http://a;b/x", None),
        ("javascript:alert(1)", None),
        ("http://a:b/x", None),
    ],
    ids=["port", "user", "six", "policy", "semicolon", "javascript", "bad-port"],
)
def test_low_a_policy_names_scheme_host_and_port_and_nothing_else(url: str, named: str | None) -> None:
    policy = security_headers((url,))["Content-Security-Policy"]
    assert policy.endswith("form-action 'self'" + (f" {named}" if named else ""))


@pytest.mark.parametrize("path", ["//evil.example/x", "///evil.example/x", "/\\evil.example/x"])
async def test_low_a_page_links_to_no_other_host(web: httpx.AsyncClient, app: object, path: str) -> None:
    request = httpx.Request("GET", in_process.BASE)
    request.url = request.url.copy_with(raw_path=path.encode())
    answer = await web.send(request)
    assert answer.status_code == 404
    assert 'href="//' not in answer.text
    assert 'href="/\\' not in answer.text


async def _logout(scene: Scene, uri: str) -> httpx.Response:
    asked = {"id_token_hint": scene.tokens["id_token"], "post_logout_redirect_uri": uri}
    return await scene.hanako.http.get("/oauth2/logout", params=asked)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/",
        "http://127.0.0.1/callback",
        "http://127.0.0.1/bye/",
        "http://127.0.0.1/bye?more=1",
        "http://localhost/bye",
        "http://user@127.0.0.1/bye",
        "https://evil.example/bye",
    ],
)
async def test_low_after_a_log_out_only_what_was_registered_for_it(scene: Scene, uri: str) -> None:
    assert (await _logout(scene, uri)).status_code == 400
    assert await scene.works()


async def test_low_after_a_log_out_a_touch_points_port_may_differ(scene: Scene) -> None:
    answer = await _logout(scene, "http://127.0.0.1:51234/bye")
    assert answer.headers["location"] == "http://127.0.0.1:51234/bye"


async def test_low_over_tls_every_cookie_is_this_hosts_alone_and_no_page_comes_without(
    home: Home, control_db: RolledBack, box: SecretBox, scene: Scene
) -> None:
    async with (
        in_process.running(home, control_db, box, HTTPS) as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HTTPS) as browser,  # type: ignore[arg-type]
    ):
        page = await browser.get("/login?lang=ja")
        person = Person(browser, scene.hanako.login, scene.hanako.password, scene.hanako.totp.secret)
        login = await person.log_in(step=1)
        api = await browser.get("/oauth2/jwks")
        assert (login.status_code, login.headers["location"]) == (303, "/portal")
        given = [*page.headers.get_list("set-cookie"), *login.headers.get_list("set-cookie")]
        assert len(given) >= 3
        for cookie in given:
            assert cookie.startswith("__Host-moyai_"), cookie
            assert "; secure" in cookie.lower()
            assert "path=/" in cookie.lower()
            assert "domain=" not in cookie.lower()
        for answer in (page, login, api):
            assert answer.headers["strict-transport-security"] == "max-age=31536000"
        out = await browser.post("/logout", data=form_of(await browser.get("/portal"), "/logout"))
        assert out.status_code == 303
        assert (await browser.get("/portal")).headers["location"].startswith("/login")


async def test_low_without_tls_no_such_promise(web: httpx.AsyncClient) -> None:
    page = await web.get("/login?lang=ja")
    assert "strict-transport-security" not in page.headers
    assert all("secure" not in cookie.lower() for cookie in page.headers.get_list("set-cookie"))
