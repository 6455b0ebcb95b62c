"""Logins: issued at the desk, checked factor by factor, replaced when an authenticator is lost.

The platform's own authentication service: a password, and a time-based code (RFC 6238) that is good once.
"""

from __future__ import annotations

import re
import secrets
import time
import unicodedata
from typing import Final

import msgspec
import pyotp
from pyotp.totp import TOTP

from moyai import ledger
from moyai.base.db import Connection, Database, Record
from moyai.base.errors import Problem
from moyai.base.journal import Journal
from moyai.base.secrets import SEALED, SecretBox
from moyai.identity import (
    guessing,
    login_acts,
    passwords,
    second_person,
    store_desk,
    store_logins,
    store_residents,
    store_sessions,
    store_transfers,
)
from moyai.identity.guessing import Origin
from moyai.identity.login_acts import Whose
from moyai.identity.model import Desk, IssuedLogin, RequestProof, Resident
from moyai.ledger import Act, Kind
from moyai.ledger.contents import AuthenticatorHandedOver, AuthenticatorRecovered
from moyai.registry import store_parties

TOTP_SECONDS: Final = 30
TOTP_STEPS_AROUND: Final = 1
"""How many time steps a code may be early or late."""

CODE_DAYS: Final = 14
"""How long a desk that gained a municipality's code takes two clerks to replace the secrets of who was there before."""

FACTORS: Final = ["pwd", "otp"]
"""What is handed over."""

_NOWHERE: Final = Origin()

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{2,63}")


class Credential(msgspec.Struct, frozen=True):
    """A login that showed its password. `has_code` says whether a second factor is due; `generation` is the person's
    at that moment (`store_sessions`); `initial` that the secrets are those that were handed over (`first_login`)."""

    login: str
    resident_key: int | None
    staff_key: int | None
    has_code: bool
    generation: int = 0
    initial: bool = False


def normal_login(login: str) -> str:
    """A login as it is stored: half width, lower case, without spaces around."""
    return unicodedata.normalize("NFKC", login).strip().lower()


def sealed_name(login: str) -> str:
    """Under what an authenticator secret is sealed."""
    return f"totp:{login}"


# --- issued ---------------------------------------------------------------------------------------------------


async def issue(
    conn: Connection,
    box: SecretBox,
    desk: Desk,
    resident: Resident,
    issuer: str,
    login: str | None = None,
    password: str | None = None,
    named: str | None = None,
    again: bool = False,
) -> IssuedLogin | None:
    """A first login for a resident, shown once; `again`, with new secrets, where the ones before were lost on the way:
    only as long as nobody has logged in with them. None where two clerks are needed and this is the first, as for `recover`: whoever has no login is not safer than
    who lost one. Raises Problem login_exists, login_taken, invalid_request, password_too_weak, transfer_pending,
    second_person_required, request_changed."""
    await _no_transfer(conn, resident)
    held = await store_logins.login_of_resident(conn, resident.resident_key)
    if held is not None and (not again or await store_logins.is_owned(conn, held)):
        raise Problem("login_exists")
    if not await _stood_for(conn, desk, "issue", resident, named):
        return None
    if held is not None:
        issued = await _replace(conn, box, held, issuer)
    else:
        issued = await _insert(conn, box, issuer, login, password, resident_key=resident.resident_key)
    detail = AuthenticatorHandedOver(organization_id=desk.organization_id, factors=FACTORS)
    await ledger.record(conn, Act(Kind.AUTHENTICATOR_ISSUED, desk.actor, resident.resident_key, detail))
    return issued


async def issue_for_staff(
    conn: Connection, box: SecretBox, issuer: str, login: str, password: str | None, staff_key: int
) -> IssuedLogin:
    """As `issue`, for a staff account whose login is given."""
    return await _insert(conn, box, issuer, login, password, staff_key=staff_key)


async def reissue_for_staff(
    conn: Connection, box: SecretBox, issuer: str, login: str, staff_key: int
) -> IssuedLogin:
    """New first secrets for a staff account; the old ones and all sessions end, and what was guessed is forgotten.

    Not recorded here: the caller's act is. Raises Problem login_missing.
    """
    if await store_logins.credential(conn, login) is None:
        raise Problem("login_missing")
    issued = await _replace(conn, box, login, issuer)
    await store_sessions.end_all_of_staff(conn, staff_key)
    return issued


async def _replace(conn: Connection, box: SecretBox, login: str, issuer: str) -> IssuedLogin:
    password, secret = passwords.generate(), pyotp.random_base32()
    sealed = box.seal(sealed_name(login), secret.encode())
    await store_logins.replace_secrets(conn, login, await passwords.make_hash(password), sealed)
    await guessing.forget_login(conn, login)
    return _issued(login, password, secret, issuer)


async def _insert(
    conn: Connection,
    box: SecretBox,
    issuer: str,
    login: str | None,
    password: str | None,
    *,
    resident_key: int | None = None,
    staff_key: int | None = None,
) -> IssuedLogin:
    login = passwords.generate_login() if login is None else normal_login(login)
    if not _LOGIN.fullmatch(login):
        raise Problem("invalid_request", "login: 3 to 64 characters of a-z, 0-9 and . _ @ -")
    password = passwords.generate() if password is None else password
    passwords.check_new(password)
    if await store_logins.credential(conn, login) is not None:
        raise Problem("login_taken")
    secret = pyotp.random_base32()
    sealed = box.seal(sealed_name(login), secret.encode())
    made = await store_logins.insert_credential(
        conn, login, resident_key, staff_key, await passwords.make_hash(password), sealed
    )
    if not made:
        raise Problem(
            "login_taken" if await store_logins.credential(conn, login) is not None else "login_exists"
        )
    return _issued(login, password, secret, issuer)


def _issued(login: str, password: str, secret: str, issuer: str) -> IssuedLogin:
    return IssuedLogin(login, password, secret, provisioning_uri(login, secret, issuer))


def provisioning_uri(login: str, secret: str, issuer: str) -> str:
    """What an authenticator app scans."""
    return TOTP(secret, interval=TOTP_SECONDS).provisioning_uri(name=login, issuer_name=issuer)


async def recover(
    conn: Connection,
    box: SecretBox,
    desk: Desk,
    resident: Resident,
    issuer: str,
    journal: Journal,
    proof: RequestProof,
    named: str | None = None,
) -> IssuedLogin | None:
    """New password and code secret for a resident whose authenticator is lost; the old ones and all sessions and
    authorisations end.

    Only a clerk hands them over, to whom stands there with `proof`; a program asks for it (`ask_for_recovery`). None where two clerks are needed and this is the first: the resident moved here without confirming it, or was there
    before this desk gained the code of the municipality. `named` is the first one's request as it was read (`second_person`).
    Raises Problem login_missing, transfer_pending, second_person_required, request_changed.
    """
    await _no_transfer(conn, resident)
    login = await store_logins.login_of_resident(conn, resident.resident_key)
    if login is None:
        raise Problem("login_missing")
    if desk.staff_key is None:
        raise Problem("second_person_required", "at the desk's pages only")
    if not await _stood_for(conn, desk, "recover", resident, named):
        return None
    await login_acts.secrets_replaced(conn, Whose(login, resident.resident_key), journal)
    issued = await _replace(conn, box, login, issuer)
    await store_sessions.end_all_of_resident(conn, resident.resident_key)
    detail = AuthenticatorRecovered(
        organization_id=desk.organization_id,
        factors=FACTORS,
        form=proof.form,
        document_class=proof.document_class,
    )
    await ledger.record(conn, Act(Kind.AUTHENTICATOR_RECOVERED, desk.actor, resident.resident_key, detail))
    return issued


async def ask_for_recovery(conn: Connection, desk: Desk, resident: Resident, ground: str) -> None:
    """A program asks that a clerk recovers a login, and gets nothing itself. Raises Problem login_missing, transfer_pending."""
    await _no_transfer(conn, resident)
    if await store_logins.login_of_resident(conn, resident.resident_key) is None:
        raise Problem("login_missing")
    await second_person.ask_by_program(conn, desk, "recover", resident, {"ground": ground})


async def _stood_for(conn: Connection, desk: Desk, act: str, resident: Resident, named: str | None) -> bool:
    """Whether as many clerks hand over this resident's secrets as it takes; else this one has asked for it."""
    held = await store_desk.recovery_held(conn, resident.resident_key)
    if not held and not await _gained(conn, desk, resident):
        await second_person.do_alone(conn, desk, act, resident, named)
        return True
    if await second_person.join(conn, desk, act, resident, named) is not None:
        return True
    await second_person.ask(conn, desk, act, resident)
    return False


async def _gained(conn: Connection, desk: Desk, resident: Resident) -> bool:
    """Whether this resident came to this desk by a change of the registry, a short while ago."""
    return await store_parties.gained_code(
        conn, desk.organization_key, resident.municipality_code, resident.enrolled_at, CODE_DAYS
    )


async def make_useless(conn: Connection, box: SecretBox, login: str) -> None:
    """New secrets that nobody knows: the login opens nothing until its owner gets others, from a clerk."""
    await _replace(conn, box, login, "")
    await store_logins.mark_owned(conn, login)


async def _no_transfer(conn: Connection, resident: Resident) -> None:
    """Nobody gets secrets of a resident about whom two desks do not agree yet."""
    await store_residents.lock_resident(conn, resident.resident_key)
    if await store_transfers.pending_of(conn, resident.resident_key) is not None:
        raise Problem("transfer_pending")


# --- checked --------------------------------------------------------------------------------------------------


async def check_password(
    database: Database, login: str, password: str, origin: Origin = _NOWHERE
) -> Credential:
    """The first factor. Takes the database itself: a failure must be counted although the request fails.

    Raises Problem login_failed or login_locked (`retry_after`: seconds); an unknown login takes as long and is counted
    and locked alike. Where a second factor is due, a right password alone makes no earlier failure forgotten.
    """
    login = normal_login(login)[:64]
    async with database.transaction() as conn:
        row = await _found(conn, login)
        login = login if row is None else row["login"]
        counters = await guessing.paths(conn, login, origin)
        closed = await guessing.take(conn, counters, "login_locked")
        # after the lock: what was handed over may have been replaced meanwhile
        row = await store_logins.credential(conn, login)
    try:
        right = await fits(None if row is None else row["password_hash"], password)
    except Problem:
        # too many wait for their turn: nothing was judged
        async with database.transaction() as conn:
            await guessing.give_back(conn, counters)
        raise
    if row is None or not right:
        await _failed(database, row, closed)
        raise Problem("login_failed")
    async with database.transaction() as conn:
        if row["sealed_totp"] is None:
            await guessing.succeeded(conn, counters)
        else:
            await guessing.give_back(conn, counters)
    return _credential(row)


async def _found(conn: Connection, login: str) -> Record | None:
    """The credential of a login, also of one that was handed over and typed without its hyphen."""
    row = await store_logins.credential(conn, login)
    other = passwords.login_as_generated(login)
    return await store_logins.credential(conn, other) if row is None and other is not None else row


async def fits(password_hash: str | None, typed: str) -> bool:
    """Whether the password fits as it was typed, or as it was printed if it can have been. It takes the same time
    whether there is such a login or not."""
    written = passwords.as_generated(typed)
    right = await passwords.verify(password_hash, typed)
    return right if written is None else await passwords.verify(password_hash, written) or right


async def _failed(database: Database, row: Record | None, closed: float) -> None:
    """That a login is closed for a while stands in its owner's history; names that nobody has are nobody's."""
    if row is not None and closed > 0:
        async with database.transaction() as conn:
            await login_acts.locked(conn, Whose(row["login"], row["resident_key"]), closed)


def _credential(row: Record) -> Credential:
    return Credential(
        row["login"],
        row["resident_key"],
        row["staff_key"],
        row["sealed_totp"] is not None,
        row["generation"],
        row["must_change"],
    )


async def check_code(
    database: Database, box: SecretBox, login: str, code: str, origin: Origin = _NOWHERE
) -> Credential:
    """The second factor: one of the codes of now and one step around, each good once. Counted with the passwords.

    Raises Problem login_failed, login_locked (`retry_after`: seconds), code_used.
    """
    async with database.transaction() as conn:
        counters = await guessing.paths(conn, login, origin)
        closed = await guessing.take(conn, counters, "login_locked")
        row = await store_logins.credential(conn, login)
    if row is None or row["sealed_totp"] is None:
        raise Problem("login_failed")
    step = matching_step(box.open(sealed_name(login), row["sealed_totp"]).decode(), code, time.time())
    if step is None:
        await _failed(database, row, closed)
        raise Problem("login_failed")
    async with database.transaction() as conn:
        if not await store_logins.take_totp_step(conn, login, step):
            raise Problem("code_used")
        await guessing.succeeded(conn, counters)
    return _credential(row)


def matching_step(secret: str, code: str, at: float) -> int | None:
    """The time step of a code of now or one step around; None if it fits none."""
    typed = re.sub(r"\s", "", unicodedata.normalize("NFKC", code)).encode("ascii", "replace")
    totp = TOTP(secret, interval=TOTP_SECONDS)
    now = int(at) // TOTP_SECONDS
    steps = range(now - TOTP_STEPS_AROUND, now + TOTP_STEPS_AROUND + 1)
    # Every step is compared, so that the time taken tells nothing.
    fits = [step for step in steps if secrets.compare_digest(totp.generate_otp(step).encode(), typed)]
    return fits[-1] if fits else None


async def unlock(conn: Connection, login: str) -> None:
    """What was guessed at a login is forgotten: it can be tried again at once. Not recorded here; the caller's act is."""
    await guessing.unlock(conn, normal_login(login))


async def authenticator_secret(conn: Connection, box: SecretBox, login: str) -> str:
    """The secret of a login's authenticator: for the command line of a trial, never over HTTP.

    Raises Problem does_not_exist.
    """
    row = await store_logins.credential(conn, normal_login(login))
    if row is None or row["sealed_totp"] is None:
        raise Problem("does_not_exist", "no such login")
    return box.open(sealed_name(row["login"]), row["sealed_totp"]).decode()


async def current_code(conn: Connection, box: SecretBox, login: str) -> str:
    """The code that an authenticator would show now. Raises Problem does_not_exist."""
    return TOTP(await authenticator_secret(conn, box, login), interval=TOTP_SECONDS).now()


async def seal_anew(conn: Connection, box: SecretBox) -> None:
    """Seal the authenticator secrets that an earlier release has sealed under their area's key, some at a time."""
    after = ""
    while True:
        async with conn.transaction():
            rows = await store_logins.totp_sealed_otherwise(conn, SEALED, after)
            await store_logins.seal_totp(
                conn,
                [
                    (row["login"], box.seal_anew(sealed_name(row["login"]), row["sealed_totp"]))
                    for row in rows
                ],
            )
        if not rows:
            return
        after = rows[-1]["login"]
