"""What every page must hold, as assertions on a Playwright page.

Each assertion lists what is wrong, so that a failing test says where to look.
"""

from __future__ import annotations

import json
from typing import Any
from weakref import WeakKeyDictionary

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request

from tests.pages_js import ENTER_DECIDES, LEFTOVER_WORDS, LOST_TEXT, MISSING_GLYPHS, SMALL_TARGETS, SQUEEZED

TOUCH_TARGET_PX = 44

# Names and codes that Japanese text writes in Latin letters. Anything else belongs in Japanese, or is marked
# `translate="no"` (a name, a code) or `lang="en"` (English on purpose).
NAMES_AND_CODES = frozenset(
    """
    Moyai AED API CSV DPoP GIF HTML HTTP HTTPS ID JIS JSON JST NGSI OAuth OpenID OIDC PDF QR RFC SMS TOTP URI URL UTC
    GET POST PUT PATCH DELETE OpenID PostgreSQL IAL AAL NPO LINE Web PC OK kg km mmHg cm mm kcal bpm English pdf csv json
    """.split()  # noqa: SIM905 — a list of words reads better as words
)

_outside: WeakKeyDictionary[Page, list[str]] = WeakKeyDictionary()
_errors: WeakKeyDictionary[Page, list[str]] = WeakKeyDictionary()


def _is_inside(url: str) -> bool:
    return url.startswith(("http://localhost:", "http://127.0.0.1:", "data:", "blob:", "about:"))


async def watched_page(context: BrowserContext) -> Page:
    """A new page whose requests and script errors are written down for the assertions below."""
    page = await context.new_page()
    outside = _outside.setdefault(page, [])
    errors = _errors.setdefault(page, [])

    def note_request(request: Request) -> None:
        if not _is_inside(request.url):
            outside.append(request.url)

    def note_console(message: ConsoleMessage) -> None:
        # A page that answers with 401 or 409 says so in the console: that is its status, no fault of a script.
        if message.type == "error" and message.location.get("url") != page.url:
            errors.append(message.text)

    page.on("request", note_request)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", note_console)
    return page


def _listed(problem: str, found: list[Any]) -> str:
    return problem + ":\n  " + "\n  ".join(json.dumps(each, ensure_ascii=False) for each in found)


async def assert_accessible(page: Page) -> None:
    """axe finds nothing serious or critical."""
    results = await Axe().run(page)
    grave = [each for each in results.response["violations"] if each["impact"] in ("serious", "critical")]
    found = [{"rule": each["id"], "at": [node["target"] for node in each["nodes"][:5]]} for each in grave]
    assert not found, _listed(f"axe: serious or critical on {page.url}", found)


async def assert_no_sideways_scroll(page: Page) -> None:
    wide, room = await page.evaluate(
        "[document.scrollingElement.scrollWidth, document.scrollingElement.clientWidth]"
    )
    assert wide <= room, f"{page.url} is {wide}px wide in a window of {room}px"


async def assert_touch_targets(page: Page) -> None:
    """Whatever one taps is at least 44 by 44 pixels, except links in running text."""
    small = await page.evaluate(SMALL_TARGETS, TOUCH_TARGET_PX)
    assert not small, _listed(f"touch targets under {TOUCH_TARGET_PX}px on {page.url}", small)


async def assert_text_has_room(page: Page) -> None:
    """No text stands in a column so narrow that its letters come below each other."""
    squeezed = await page.evaluate(SQUEEZED)
    assert not squeezed, _listed(f"text without room on {page.url}", squeezed)


async def assert_no_text_lost(page: Page) -> None:
    """Every text that is shown is laid out and not cut off to nothing: what the DOM holds is what eyes see."""
    lost = await page.evaluate(LOST_TEXT)
    assert not lost, _listed(f"text that cannot be seen on {page.url}", lost)


async def assert_no_missing_glyphs(page: Page) -> None:
    """No visible character is drawn as the box of a font that lacks it."""
    missing = await page.evaluate(MISSING_GLYPHS)
    assert not missing, _listed(f"characters without a glyph on {page.url}", missing)


async def assert_japanese_only(page: Page, allowed: frozenset[str] = frozenset()) -> None:
    """The page says it is Japanese, and no word of visible text (labels and alternatives too) is left in English."""
    assert (await page.evaluate("document.documentElement.lang")) == "ja", f"{page.url} is not lang=ja"
    words = await page.evaluate(LEFTOVER_WORDS, sorted(NAMES_AND_CODES | allowed))
    assert not words, _listed(f"untranslated words on {page.url}", words)


async def assert_enter_decides_nothing(page: Page) -> None:
    """Enter in a field means no weighty act: where a form has several buttons, its first one only looks."""
    forms = await page.evaluate(ENTER_DECIDES)
    assert not forms, _listed(f"Enter in a field presses one button of several on {page.url}", forms)


def assert_nothing_from_outside(page: Page) -> None:
    assert not _outside[page], _listed(f"{page.url} loads from outside", _outside[page])


def assert_no_script_errors(page: Page) -> None:
    assert not _errors[page], _listed(f"script errors on {page.url}", _errors[page])


async def assert_good_page(
    page: Page, *, japanese: bool = True, allowed: frozenset[str] = frozenset()
) -> None:
    """Everything above at once: what each page is tested for at 360 and 1280 pixels."""
    # a click returns when the next page has begun, not when it is there
    await page.wait_for_load_state()
    await page.wait_for_selector("main", state="attached")
    await page.evaluate("document.fonts.ready.then(() => true)")
    await assert_no_sideways_scroll(page)
    await assert_touch_targets(page)
    await assert_text_has_room(page)
    await assert_no_text_lost(page)
    await assert_no_missing_glyphs(page)
    if japanese:
        await assert_japanese_only(page, allowed)
    await assert_enter_decides_nothing(page)
    await assert_accessible(page)
    assert_nothing_from_outside(page)
    assert_no_script_errors(page)
