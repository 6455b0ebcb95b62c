"""What the forms of `/oauth2` hold, for the generated documentation; the endpoints read them field by field.

RFC 6749 wants unknown fields passed over, and which fields are needed hangs on others: no shape checks a request.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

_JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class ClientAuthentication(msgspec.Struct, frozen=True, kw_only=True):
    """Who the client is: `private_key_jwt` (RFC 7523), or for a touch point its `client_id` alone."""

    client_id: str
    client_assertion_type: Literal["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"] = _JWT_BEARER
    client_assertion: str = ""


class TokenForm(ClientAuthentication, frozen=True, kw_only=True):
    """`scope` narrows; `code`, `redirect_uri`, `code_verifier` redeem a code; `refresh_token` renews."""

    grant_type: Literal["client_credentials", "authorization_code", "refresh_token"]
    scope: str = ""
    code: str = ""
    redirect_uri: str = ""
    code_verifier: str = ""
    refresh_token: str = ""


class PushedForm(ClientAuthentication, frozen=True, kw_only=True):
    """An authorization request with PKCE (RFC 7636, 9126)."""

    response_type: Literal["code"]
    redirect_uri: str
    code_challenge: str
    code_challenge_method: Literal["S256"]
    scope: str = "openid"
    state: str = ""
    nonce: str = ""
    dpop_jkt: str = ""


class RevocationForm(ClientAuthentication, frozen=True, kw_only=True):
    """An access or a refresh token of this client (RFC 7009)."""

    token: str
    token_type_hint: str = ""


FORMS: Final[dict[str, type[msgspec.Struct]]] = {
    "/oauth2/par": PushedForm,
    "/oauth2/token": TokenForm,
    "/oauth2/revoke": RevocationForm,
}
"""By path."""
