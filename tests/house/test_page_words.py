"""What a code tells people to do next, on a page, is said in words of pages: no members, no paths of the API."""

from __future__ import annotations

import re

from moyai.base.errors import CODES
from moyai.web.pages import environment

PROGRAMS = re.compile(r"[a-z]+_[a-z]+|`|/[a-z]+/v?[0-9]")

FOR_PROGRAMS = frozenset(
    """
    precondition_failed consent_outdated terms_outdated succession_required dataset_unknown answer_full item_too_large
    schema_open client_unknown assertion_invalid assertion_replayed authorization_request_invalid service_kind_unknown
    level_reason_missing dataset_schema_invalid content_invalid contractor_not_named link_text_missing terms_incomplete
    client_invalid log_damaged dataset_kind_unknown
    """.split()  # noqa: SIM905 — a list of words reads better as words
)
"""Codes that only a program is answered with, or that residents read in their own words (`resident_…`)."""


def test_people_no_page_tells_people_to_fill_in_a_member_of_the_api() -> None:
    for language in ("ja", "en"):
        say = environment(language).globals["page_next"]  # type: ignore[arg-type]
        wrong = {code for code in CODES if PROGRAMS.search(say(code))}  # type: ignore[operator]
        assert wrong <= FOR_PROGRAMS, wrong - FOR_PROGRAMS
