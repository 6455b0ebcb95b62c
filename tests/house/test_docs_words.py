"""`/docs` explains every operation that can be called, in both languages."""

from __future__ import annotations

from moyai.web.docs_words import ENGLISH, JAPANESE
from moyai.web.ngsi import later
from moyai.web.openapi import is_api
from moyai.web.routes import ROUTES

CALLABLE = {f"{one.method} {one.path}": one for one in ROUTES if is_api(one) and one.handler is not later}


def test_every_operation_is_explained_in_japanese_and_nothing_else_is():
    assert set(JAPANESE) == set(CALLABLE)


def test_english_is_the_handlers_own_or_beside_the_japanese():
    silent = {name for name, one in CALLABLE.items() if not one.handler.__doc__}
    assert set(ENGLISH) == silent


def test_words_are_in_their_language():
    assert [name for name, text in JAPANESE.items() if text.isascii()] == []
    assert [name for name, text in ENGLISH.items() if not text.isascii()] == []
