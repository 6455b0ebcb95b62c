"""What became of log-ins, sessions and authorisations."""

from __future__ import annotations

from moyai.ledger.contents.content import Content


class LoggedIn(Content, frozen=True, kw_only=True):
    """LOGGED_IN: with these factors (RFC 8176), which give the level `aal`. `device` is in known words only."""

    factors: list[str]
    aal: int
    device: str = ""


class LoggedOut(Content, frozen=True, kw_only=True):
    """LOGGED_OUT, in the browser itself."""

    device: str = ""


class LoginLocked(Content, frozen=True, kw_only=True):
    """LOGIN_LOCKED: after failures in a row the log-in waits `minutes`, for whoever failed."""

    minutes: int


class PasswordChanged(Content, frozen=True, kw_only=True):
    """PASSWORD_CHANGED by its owner; every other session and authorisation ended."""


class Authorized(Content, frozen=True, kw_only=True):
    """AUTHORIZATION_GIVEN: the client acts for the resident with these scopes, or knows who logged in."""

    client_id: str
    component_id: str
    scopes: list[str]
    device: str = ""


class AuthorizationEnded(Content, frozen=True, kw_only=True):
    """AUTHORIZATION_ENDED and REFRESH_REUSED. `why`: resident, others (by the resident's word), client (revoked by it),
    code_reused, refresh_reused (one of two users was a thief)."""

    client_id: str
    component_id: str
    why: str


class AccessEnded(Content, frozen=True, kw_only=True):
    """ACCESS_ENDED: the resident logged out another device, or `everything` but the one at hand. `restored`: the log-in
    was closed after a restore, which had brought back secrets that were replaced."""

    device: str = ""
    everything: bool = False
    restored: bool = False


class InitialSecretsChanged(Content, frozen=True, kw_only=True):
    """INITIAL_PASSWORD_CHANGED: what was handed over is replaced. `factors` by their names of RFC 8176."""

    factors: list[str]


class SubjectTied(Content, frozen=True, kw_only=True):
    """SUBJECT_TIED: the component knows the resident from now on, as a person it alone knows by that name."""

    component_id: str
    client_id: str
