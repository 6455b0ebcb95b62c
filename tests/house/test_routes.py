"""Every route says who may call it, and what it is."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from moyai.base.errors import CODES
from moyai.web.operation import AnyOf, Client, Demand, Operation, Public, Resident, StaffSession
from moyai.web.routes import ROUTES

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")

# What anybody may send without having logged in: logging in itself, and the OAuth endpoints, where the client
# authenticates inside the request.
PUBLIC_WRITES = re.compile(r"^/(oauth2|login|logout|language|portal/language|errors)\b")


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def demands(demand: Demand) -> list[Demand]:
    """The demand, or each of its alternatives."""
    if isinstance(demand, AnyOf):
        return [each for alternative in demand.demands for each in demands(alternative)]
    return [demand]


@pytest.mark.parametrize("operation", ROUTES, ids=named)
def test_route_declares_its_auth(operation: Operation) -> None:
    found = demands(operation.auth)
    assert found
    for demand in found:
        assert isinstance(demand, get_args(Demand))
        if isinstance(demand, Client | Resident):
            assert demand.scope
        if isinstance(demand, StaffSession):
            assert demand.roles


@pytest.mark.parametrize("operation", ROUTES, ids=named)
def test_route_is_described_in_both_languages(operation: Operation) -> None:
    assert operation.method in METHODS
    assert operation.path.startswith("/")
    assert JAPANESE.search(operation.ja)
    assert operation.en
    assert not JAPANESE.search(operation.en)
    assert set(operation.description.codes) <= set(CODES)


def test_nothing_but_logging_in_is_written_by_the_public() -> None:
    written = [
        named(operation)
        for operation in ROUTES
        if any(isinstance(each, Public) for each in demands(operation.auth))
        and operation.method != "GET"
        and not PUBLIC_WRITES.match(operation.path)
    ]
    assert not written


def test_no_route_is_listed_twice() -> None:
    names = [re.sub(r"\{[^}]*\}", "{}", named(operation)) for operation in ROUTES]
    assert sorted(set(names)) == sorted(names)
