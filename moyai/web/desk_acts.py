"""Every act at the desk, with the evidence, the second person and the notice that it takes: read by people and by a test.

The rules themselves stand where the acts are done; a route that is in no line of this table, or of `registry_acts`, fails
`tests/house/test_desk_acts.py`, and so does a test named here that does not exist.
"""

from __future__ import annotations

from typing import Final

import msgspec


class DeskAct(msgspec.Struct, frozen=True):
    """One act; `routes` end so. `test` holds it (file::name under tests/)."""

    act: str
    routes: tuple[str, ...]
    evidence: str
    second: str
    notice: str
    test: str


_HISTORY: Final = "history of the resident, with the office"
_ALONE: Final = "none"

DESK_ACTS: Final = (
    DeskAct(
        "search",
        ("/desk/search", "/residents/search"),
        "a reason",
        _ALONE,
        "history of everybody found, with reason",
        "web/test_desk_lookups.py::test_a_search_stands_in_the_history_of_whom_it_showed",
    ),
    DeskAct(
        "open a record",
        ("/desk/residents/{resident}",),
        "a reason",
        _ALONE,
        "history, with reason; refused looks, too",
        "web/test_desk_lookups.py::test_low_a_record_opens_for_a_reason_which_the_resident_reads",
    ),
    DeskAct(
        "enrol",
        ("/desk/enrol", "/identity/v1/residents"),
        "method and document of the level; distinct_reason for a namesake",
        _ALONE,
        "history of the resident, and of whom it met elsewhere",
        "identity/test_meetings.py::test_m9_another_desk_learns_neither_id_nor_place_and_the_resident_sees_it",
    ),
    DeskAct(
        "ask for a transfer, confirm or decline it",
        ("/desk/transfers/{transfer}", "/transfers", "/transfers/{transfer}/confirmation", "/decline"),
        "a document, at least of the level held",
        "the losing desk, the resident with two factors, or a second clerk who types the certificate's number",
        "portal notice and history; lists of both desks",
        "identity/test_transfers.py::test_h1_self_asserted_evidence_takes_over_nobody",
    ),
    DeskAct(
        "issue a login",
        ("/credentials",),
        "no pending transfer; nobody has logged in with secrets handed over before",
        "as for a recovery",
        _HISTORY,
        "identity/test_transfers.py::test_b1_a_first_login_after_a_transfer_or_a_gained_code_takes_two_clerks_too",
    ),
    DeskAct(
        "recover a login",
        ("/recover", "/authenticator"),
        "number of the signed request, kind of document shown; no pending transfer. A program only asks",
        "a second clerk for 14 days after a move that the resident did not confirm, or after the desk gained the "
        "municipality's code",
        f"{_HISTORY} and document; journal of stops",
        "identity/test_transfers.py::test_h1_after_a_transfer_without_the_resident_a_recovery_takes_two_clerks",
    ),
    DeskAct(
        "proof again",
        ("/proofing",),
        "method and document of the level",
        _ALONE,
        _HISTORY,
        "identity/test_residents.py::test_evidence_must_carry_its_level",
    ),
    DeskAct(
        "move",
        ("/move", "/residence"),
        "the address",
        "none; another desk's recovery takes two clerks for 14 days",
        _HISTORY,
        "identity/test_transfers.py::test_a_move_to_another_desk_also_holds_recovery",
    ),
    DeskAct(
        "show and stop consents",
        ("/desk/residents/{resident}/consents", "/consents/stop"),
        "number of the signed request, kind of document shown",
        _ALONE,
        "history, and a receipt to hand over",
        "web/test_desk_consents.py::test_stopping_needs_the_proof_of_the_request",
    ),
    DeskAct(
        "protect a record, change its staff, end it",
        ("/protection",),
        "number of the decision; named staff, two of them of one desk with different staff numbers",
        "a second clerk, within 24 hours",
        "history, without the office; journal of stops",
        "identity/test_protection.py::test_one_clerk_alone_protects_nobody",
    ),
    DeskAct(
        "erase",
        ("/erase", "/erasure"),
        "a ground; the resident ID typed again (page)",
        "a second clerk, or 24 hours; where a program asks two clerks, or one and 24 hours",
        "history and a notice on every page of the portal while it waits; then the ledger, of nobody",
        "web/test_desk.py::test_m10_an_erasure_takes_two_clerks_and_leaves_nobody",
    ),
    DeskAct(
        "take back what waits for a second clerk",
        ("/desk/requests/{request}",),
        _ALONE,
        _ALONE,
        _HISTORY,
        "web/test_desk_request_list.py::test_anybody_of_the_desk_takes_back_what_the_list_shows",
    ),
    DeskAct(
        "create a staff account, change name or roles",
        ("/identity/v1/staff", "/console/staff", "/desk/staff", "POST /console/staff/{staff}"),
        "a staff number, one for one person",
        "none to begin as a clerk (it opens nothing yet); a second member of staff, or 24 hours, for a role that "
        "administers others or opens the console, and for any role or number that somebody gains",
        "ledger; lists of staff",
        "identity/test_staff_in_force.py::test_b1_a_role_gained_takes_two_and_those_it_had_go_on",
    ),
    DeskAct(
        "say whose account it is: who handed over its secrets is the first",
        ("/staff/{staff}", "/staff/pending/{pending}"),
        "the owner's first log-in, with a password and an authenticator of their own",
        "a second member of staff, or 24 hours; until then the account opens nothing, and is nobody",
        "ledger; lists of staff",
        "identity/test_staff_in_force.py::test_b1_what_one_person_made_opens_nothing_until_another_one_says_whose_it_is",
    ),
    DeskAct(
        "disable a staff account",
        ("POST /identity/v1/staff/{staff}/suspension", "/desk/staff/{staff}"),
        "a reason; or the file names it no more",
        _ALONE,
        "ledger; journal of stops",
        "identity/test_staff.py::test_m10_disabling_ends_sessions_at_once",
    ),
    DeskAct(
        "enable a staff account again",
        ("DELETE /identity/v1/staff/{staff}/suspension", "/staff/{staff}", "/staff/pending/{pending}"),
        "a reason",
        "a second member of staff, or 24 hours",
        "ledger; lists of staff",
        "identity/test_staff.py::test_m10_enabling_takes_two",
    ),
    DeskAct(
        "end a staff member's login and issue another",
        ("/staff/{staff}/recovery", "/staff/{staff}"),
        "a person hands over first secrets, never a program",
        "to end it, a second member of staff, or 24 hours, for somebody who administers others; then as above",
        "ledger; journal of stops",
        "identity/test_staff.py::test_m10_recovery_of_an_administrator_takes_two",
    ),
    DeskAct(
        "unlock a staff member's login",
        ("/staff/{staff}/unlock", "/staff/{staff}"),
        "none",
        _ALONE,
        "ledger",
        "identity/test_staff.py::test_m10_unlocking_lets_the_owner_try_again",
    ),
)
