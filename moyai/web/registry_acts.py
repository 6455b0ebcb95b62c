"""Every act of the registry and the console, as `desk_acts` has those at the desk: one table, of two files.

A program of the operating organisation calls these, or `moyai apply` with a file: both are nobody where two persons are
needed, unless a member of staff logged in for it (`--as`).
"""

from __future__ import annotations

from typing import Final

from moyai.web.desk_acts import DeskAct

_R: Final = "/registry/v1"
_NOUNS: Final = (
    "organizations",
    "authentication-services",
    "datasets",
    "purposes",
    "components",
    "services",
    "links",
)
_ALONE: Final = "none"
_TWO: Final = "two members of staff with different staff numbers, or one and 24 hours from their word"
_LEDGER: Final = "ledger, with old and new"
_WAITS: Final = "ledger; /console/pending and /registry/v1/pending while it waits"

REGISTRY_ACTS: Final = (
    DeskAct(
        "register or change an organisation, dataset, purpose, component, service or link of the own organisation, or of one "
        "that has no client; make any of them do less",
        tuple(f"PUT {_R}/{noun}/{{id}}" for noun in _NOUNS),
        "the declaration",
        f"{_ALONE}; for an organisation's municipality codes: {_TWO}",
        f"{_LEDGER}; consents cover the text that was read",
        "registry/test_recorded_changes.py::test_m4_a_change_is_recorded_with_old_and_new",
    ),
    DeskAct(
        "register a component, service or link of another organisation that has a client, or change it, its data or a purpose "
        "of its links otherwise than to make it do less",
        tuple(
            f"PUT {_R}/{noun}/{{id}}" for noun in ("components", "services", "links", "datasets", "purposes")
        ),
        "the declaration",
        f"{_TWO}; or that organisation's own word, by a client that it holds itself",
        _WAITS,
        "registry/test_others_changes.py::test_b12_what_gives_or_leads_elsewhere_waits_for_two_persons",
    ),
    DeskAct(
        "change an organisation's contact, or the address of a service or component that is registered",
        tuple(f"PUT {_R}/{noun}/{{id}}" for noun in ("organizations", "services", "components")),
        "the address",
        f"{_TWO}, also in the own organisation; or, where others ask, that organisation's own word",
        _WAITS,
        "registry/test_others_changes.py::test_b12_residents_are_sent_elsewhere_by_two_also_for_the_own_organisation",
    ),
    DeskAct(
        "publish criteria or terms",
        (f"PUT {_R}/criteria/{{id}}", f"PUT {_R}/terms/platform", f"PUT {_R}/terms/{{id}}"),
        "the text; published versions stay",
        _ALONE,
        "ledger, with both hashes; the public pages",
        "registry/test_recorded_changes.py::test_m4_certification_and_terms_say_what_was_before",
    ),
    DeskAct(
        "certify an organisation or a service",
        (f"POST {_R}/organizations/{{id}}/certification", f"POST {_R}/services/{{id}}/certification"),
        "published criteria and the reviewer, of another organisation",
        _ALONE,
        _LEDGER,
        "registry/test_organizations.py::test_nobody_reviews_their_own_organisation",
    ),
    DeskAct(
        "suspend an organisation or a service, disable a client, end a link",
        (
            f"POST {_R}/organizations/{{id}}/suspension",
            f"POST {_R}/services/{{id}}/suspension",
            f"POST {_R}/clients/{{id}}/suspension",
            f"DELETE {_R}/links/{{id}}",
        ),
        "a reason",
        "none: a stop is one person's, at once",
        "ledger; journal of stops; the resident's pages",
        "registry/test_stops.py::test_a_stop_and_its_end_need_a_reason",
    ),
    DeskAct(
        "end a suspension, enable a client again",
        (
            f"DELETE {_R}/organizations/{{id}}/suspension",
            f"DELETE {_R}/services/{{id}}/suspension",
            f"DELETE {_R}/clients/{{id}}/suspension",
        ),
        "a reason",
        _TWO,
        _WAITS,
        "registry/test_two_persons.py::test_m4_the_end_of_a_stop_waits_and_the_stop_itself_does_not",
    ),
    DeskAct(
        "register a client",
        (f"PUT {_R}/clients/{{id}}",),
        "its public keys",
        "none for an organisation that has no client yet; for another one's next client: "
        f"{_TWO}; or that organisation's own word, by a client that it holds itself",
        _LEDGER,
        "registry/test_two_persons.py::test_a1_a_client_for_an_organisation_that_has_some_takes_two",
    ),
    DeskAct(
        "replace another organisation's keys, redirect or log-out URIs, give its client more scopes or another name, or add a "
        "second client to its component",
        (f"PUT {_R}/clients/{{id}}", f"POST {_R}/pending/{{pending}}/confirmation"),
        "the new public keys",
        f"{_TWO}; or that organisation's own word, by a client that it holds itself",
        _WAITS,
        "registry/test_two_persons.py::test_m4_second_person_keys_of_another_organisation_wait",
    ),
    DeskAct(
        "add a redirect URI to a touch point, or register one with some",
        (f"PUT {_R}/clients/{{id}}",),
        "the addresses",
        f"{_TWO}, also in its own organisation; or, where others ask, that organisation's own word",
        f"{_WAITS}; the page on which a resident allows it names the site",
        "registry/test_stopped_clients.py::test_b6_a_new_address_of_a_touch_point_takes_two_also_for_its_own_organisation",
    ),
    DeskAct(
        "register a client beside one that is or was disabled (same component, or same organisation itself), or give either "
        "other keys, addresses or more scopes",
        (f"PUT {_R}/clients/{{id}}",),
        "the client",
        f"{_TWO}, also in its own organisation",
        _WAITS,
        "registry/test_stopped_clients.py::test_b6_a_next_client_of_a_component_with_a_disabled_one_takes_two",
    ),
    DeskAct(
        "give the client of a desk or an operator more scopes, or register one",
        (f"PUT {_R}/clients/{{id}}",),
        "the scopes",
        _TWO,
        _WAITS,
        "registry/test_two_persons.py::test_m4_more_rights_for_a_desk_or_an_operator_wait_and_fewer_do_not",
    ),
    DeskAct(
        "succession, merger or renaming of a party (合併・承継・改称)",
        (f"POST {_R}/successions",),
        "a document, with its date",
        _TWO,
        f"{_WAITS}; public list and the resident's consents afterwards",
        "registry/test_successions.py::test_c1_a_succession_waits_for_two_persons_and_is_exactly_what_was_asked",
    ),
    DeskAct(
        "register a witness",
        (f"PUT {_R}/witnesses/{{id}}",),
        "its verifier key",
        f"none for the first of a platform; then, also for another key or address: {_TWO}, or its organisation's own word",
        _LEDGER,
        "registry/test_two_persons.py::test_a17_a_witness_beside_others_or_at_another_place_takes_two",
    ),
    DeskAct(
        "end a witness",
        (f"DELETE {_R}/witnesses/{{id}}",),
        "a reason",
        _TWO,
        _WAITS,
        "registry/test_two_persons.py::test_m4_a_witness_gets_another_key_or_ends_by_two",
    ),
    DeskAct(
        "confirm what waits",
        ("POST /console/pending/{pending}",),
        "a log-in with two factors, a code shown within five minutes, the role, a staff number that is nobody else's of the two",
        "is the second person",
        "ledger",
        "web/test_registry_pending.py::test_m4_second_person_in_the_console",
    ),
    DeskAct(
        "revoke what waits",
        ("POST /console/pending/{pending}", f"DELETE {_R}/pending/{{pending}}"),
        "the role, or a program of the operating organisation or of the one that it concerns",
        _ALONE,
        "ledger",
        "web/test_registry_pending.py::test_m10_revoked_by_a_program",
    ),
)
