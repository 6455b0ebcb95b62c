"""Pages: templates in two languages, forms that carry a session-bound token, security headers.

Japanese is what everybody sees first; English is one click away and remembered in a cookie. (The browser's own
Accept-Language is not asked: a borrowed or foreign browser must not turn a resident's page into English.)
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, cast
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from moyai.base.errors import CODES, Problem
from moyai.base.plain_text import UNFIT
from moyai.identity.model import Anonymous, Caller, ResidentCaller, StaffCaller
from moyai.web import formats
from moyai.web.operation import read_body
from moyai.web.platform import Platform
from moyai.web.problems import retry_after
from moyai.web.static_files import static_url

Language = Literal["ja", "en"]
Form = ImmutableMultiDict[str, str]

_YEAR_SECONDS = 365 * 24 * 3600
_HOST = re.compile(r"[a-z0-9.:-]+")


@lru_cache
def environment(language: Language) -> Environment:
    """The templates of one language. `t("日本語", "English")` picks the language in place."""
    made = Environment(
        loader=PackageLoader("moyai.web"),
        autoescape=select_autoescape(default_for_string=True, default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def pick(ja: str, en: str) -> str:
        return ja if language == "ja" else en

    def text_of(thing: Any, field: str) -> str:
        return str(getattr(thing, f"{field}_{language}"))

    globals_: dict[str, Any] = {
        "t": pick,
        "lang": language,
        "text_of": text_of,
        "static": static_url,
        "code_text": _code_texts(language),
        "resident_text": _words_for_residents(language),
        "page_next": _next_on_pages(language),
    }
    cast("dict[str, Any]", made.globals).update(globals_)
    made.filters.update(formats.filters(language))
    return made


def _code_texts(language: Language) -> Callable[[str], dict[str, str]]:
    def texts(code: str) -> dict[str, str]:
        known = CODES[code]
        if language == "ja":
            return {"text": known.ja, "next": known.next_ja}
        return {"text": known.en, "next": known.next_en}

    return texts


def _words_for_residents(language: Language) -> Callable[[str], dict[str, str]]:
    """What a code says to the resident whom it concerns; the general words where it has no others."""

    def texts(code: str) -> dict[str, str]:
        known = CODES[code]
        if language == "ja":
            return {
                "text": known.resident_ja or known.ja,
                "next": known.next_resident_ja or known.next_ja,
            }
        return {"text": known.resident_en or known.en, "next": known.next_resident_en or known.next_en}

    return texts


def _next_on_pages(language: Language) -> Callable[[str], str]:
    """What to do next, as pages say it."""

    def text(code: str) -> str:
        known = _NEXT_ON_PAGES.get(code) or (CODES[code].next_ja, CODES[code].next_en)
        return known[0] if language == "ja" else known[1]

    return text


def language_of(request: Request) -> Language:
    """What `?lang=` asks, else what the cookie remembers, else Japanese."""
    asked = request.query_params.get("lang") or request.cookies.get(_cookie(request, "lang"))
    return "en" if asked == "en" else "ja"


def _platform(request: Request) -> Platform:
    return request.app.state.platform


def _cookie(request: Request, purpose: str) -> str:
    return _platform(request).cookie_name.removesuffix("session") + purpose


def set_session(request: Request, response: Response, cookie: str) -> Response:
    """The browser's session from now on."""
    _set_cookie(request, response, _platform(request).cookie_name, cookie)
    return response


def keep_cookie(request: Request, response: Response, purpose: str, value: str, seconds: int) -> None:
    """Something that this browser is to hand back for a while; no seconds: not any more."""
    _set_cookie(request, response, _cookie(request, purpose), value, seconds)


def kept_cookie(request: Request, purpose: str) -> str:
    return request.cookies.get(_cookie(request, purpose), "")


def _set_cookie(
    request: Request, response: Response, name: str, value: str, seconds: int | None = None
) -> None:
    """Closed to scripts and to other sites; over TLS sent over nothing else."""
    secure = _platform(request).over_tls
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", path="/", secure=secure)


def _form_secret(request: Request) -> str | None:
    """What the token of a form is bound to: the session's cookie, or a cookie of its own before the login."""
    return request.cookies.get(_platform(request).cookie_name) or request.cookies.get(
        _cookie(request, "form")
    )


def _form_token(secret: str) -> str:
    return hmac.new(secret.encode(), b"moyai-form-v1", hashlib.sha256).hexdigest()


async def read_form(request: Request, caller: Caller) -> Form:
    """The fields of a form that this platform rendered for this browser.

    Raises Problem: malformed_request (not a form), body_too_large, form_not_ours (token absent or of another
    session).
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Problem("unsupported_media_type", "send application/x-www-form-urlencoded")
    body = await read_body(request)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=500)
    except ValueError as error:
        raise Problem("malformed_request", "the body is not a form") from error
    if any(UNFIT.search(name) or UNFIT.search(value) for name, value in fields):
        raise Problem("malformed_request", "a field holds a character that no text may have")
    form = Form(fields)
    secret = _form_secret(request)
    if secret is None or not hmac.compare_digest(_form_token(secret).encode(), form.get("csrf", "").encode()):
        raise Problem("form_not_ours")
    return form


def security_headers(form_targets: tuple[str, ...] = ()) -> dict[str, str]:
    """Everything from this origin; `form_targets` are origins a submitted form may be redirected to."""
    origins = (origin for origin in map(_origin, form_targets) if origin is not None)
    targets = " ".join(("'self'", *origins))
    return {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
            f"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action {targets}"
        ),
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def _origin(url: str) -> str | None:
    """Scheme, host and port, as far as they are nothing else: whatever a header takes as more stays out of it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if not _HOST.fullmatch(host) or parts.scheme not in ("http", "https"):
        return None
    written = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{written}" if port is None else f"{parts.scheme}://{written}:{port}"


def render(
    request: Request,
    name: str,
    caller: Caller,
    *,
    status: int = 200,
    form_targets: tuple[str, ...] = (),
    **context: Any,
) -> HTMLResponse:
    """A page. Templates find `caller`, `resident`, `staff`, `csrf`, `path`, `language_link`, `platform_name`.

    `form_targets`: absolute URLs that a form of this page may lead to by redirection (the login page names the
    service's redirect URI here; browsers apply `form-action` to redirects, too).
    """
    language = language_of(request)
    secret = _form_secret(request)
    fresh = secrets.token_urlsafe(24) if secret is None else None
    platform = _platform(request).config.platform
    text = (
        environment(language)
        .get_template(name)
        .render(
            caller=caller,
            resident=caller if isinstance(caller, ResidentCaller) else None,
            staff=caller if isinstance(caller, StaffCaller) else None,
            csrf=_form_token(secret or fresh or ""),
            path=request.url.path,
            language_link=_language_link(request, language),
            platform_name=platform.name_ja if language == "ja" else platform.name_en,
            **context,
        )
    )
    page = HTMLResponse(
        text, status_code=status, headers={**security_headers(form_targets), "Content-Language": language}
    )
    if fresh is not None:
        _set_cookie(request, page, _cookie(request, "form"), fresh)
    if request.query_params.get("lang") in ("ja", "en"):
        _set_cookie(request, page, _cookie(request, "lang"), language, _YEAR_SECONDS)
    return page


def _language_link(request: Request, language: Language) -> str:
    """This page in the other language. A page that answered a form has no address of its own: go home."""
    if request.method != "GET":
        return "/?lang=" + ("en" if language == "ja" else "ja")
    url = request.url.include_query_params(lang="en" if language == "ja" else "ja")
    # one slash: two would name another host
    path = "/" + url.path.lstrip("/\\")
    return f"{path}?{url.query}"


_LOOK_ELSEWHERE = (
    "アドレスを確かめるか、ホームから選び直してください。",
    "Check the address, or start again from the home page.",
)
_LOOK_AGAIN = (
    "前の画面に戻って、入力を確かめてください。",
    "Go back and check what you entered.",
)
_TRY_LATER = (
    "少し待ってから、もう一度試してください。続くときは、お問い合わせ番号を運営組織に知らせてください。",
    "Wait a little and try again. If it goes on, tell the operating organisation the reference below.",
)
_NEXT_ON_PAGES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("not_found", "does_not_exist", "method_not_allowed", "not_implemented"), _LOOK_ELSEWHERE
    ),
    **dict.fromkeys(
        ("malformed_request", "invalid_request", "body_too_large", "unsupported_media_type"), _LOOK_AGAIN
    ),
    **dict.fromkeys(("internal_error", "unavailable", "storage_full", "too_many_requests"), _TRY_LATER),
    "resident_already_enrolled": (
        "下の「同じ名前と生年月日の方が登録されています」を見て、本人か、別の人かを確かめてください。同姓同名で誕生日も同じ方はいます。ほかの人の住民 ID を渡してはいけません。",
        "Look below at who is enrolled, and make sure whether this is the same person. People with the same name and birth date "
        "exist. Never hand over another person's resident ID.",
    ),
    "several_candidates": (
        "本人に住民 ID を示してもらい、下の「本人が示した住民 ID」に入れてください。",
        "Ask the person for their resident ID, and enter it below.",
    ),
    "insufficient_user_authentication": (
        "認証アプリに出ている6桁の数字を入れてください。",
        "Enter the six digits of your authenticator app.",
    ),
    **dict.fromkeys(
        ("step_skipped", "service_in_use", "service_not_in_use"),
        ("「サービス」の画面から、もう一度進んでください。", "Start again from “Services”."),
    ),
    **dict.fromkeys(
        ("nothing_to_stop", "nothing_to_change"),
        ("「同意」の画面で、いまの同意を確かめてください。", "Look at “Consents” for what stands now."),
    ),
    "assurance_insufficient": (
        "本人確認の書類を持って、お住まいの市町村の窓口にお越しください。",
        "Come to your municipality's desk with an identity document.",
    ),
    "reason_required": (
        "理由を選んでください。「そのほか」のときは、内容も書いてください。",
        "Choose a reason; with “Other”, write what it is.",
    ),
    "change_not_allowed": (
        "その項目は変えられません。前のままにするか、別のものとして登録してください。",
        "This cannot be changed. Leave it as it was, or register another one.",
    ),
    "terms_not_in_force": (
        "新しい規約を読んでから、もう一度進んでください。",
        "Read the new terms, and go on again.",
    ),
}
"""What to do next, for people: the list of codes says it for programs (which member to correct)."""


def problem_page(request: Request, problem: Problem, caller: Caller | None, correlation_id: str) -> Response:
    """An error as a page: what is the case, what to do next, and the number to tell the operating organisation."""
    response = render(
        request,
        "problem.html",
        caller or Anonymous(),
        status=problem.status,
        code=problem.code,
        correlation_id=correlation_id,
        extra=problem.extra,
    )
    response.headers.update(retry_after(problem))
    return response
