"""Sentences of log-ins and authorisations, as a resident reads them in the history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from moyai.ledger import Kind

Pair = tuple[str, str]
"""Japanese and English."""

_FACTORS: Final[dict[str, Pair]] = {
    "pwd": ("パスワード", "password"),
    "otp": ("確認コード", "code"),
    "hwk": ("カードや鍵", "card or key"),
}


def tell(kind: Kind, detail: dict[str, Any], where: Pair | None) -> Pair | None:
    """The sentence of one entry; None for a kind that is none of these. `where` names the app or service."""
    made = _SENTENCES.get(kind)
    return None if made is None else made(detail, where or ("アプリ", "an app"))


def _logged_in(detail: dict[str, Any], _: Pair) -> Pair:
    shown = [_FACTORS.get(name, (name, name)) for name in detail.get("factors", [])]
    ja, en = "と".join(one[0] for one in shown), " and ".join(one[1] for one in shown)
    return f"あなたが、{ja}でログインしました。", f"You logged in with {en}."


def _logged_out(_: dict[str, Any], __: Pair) -> Pair:
    return "あなたが、ログアウトしました。", "You logged out."


def _locked(detail: dict[str, Any], _: Pair) -> Pair:
    minutes = detail.get("minutes", 1)
    return (
        f"あなたのログイン ID で、まちがった入力が続きました。入力した人は、{minutes}分のあいだログインできません。",
        f"Somebody failed to log in as you several times. They have to wait {minutes} minutes.",
    )


def _password(_: dict[str, Any], __: Pair) -> Pair:
    return (
        "あなたが、パスワードを変えました。ほかの機器とアプリは、すべて終わりになりました。",
        "You changed your password. All other devices and apps have ended.",
    )


def _authorized(detail: dict[str, Any], where: Pair) -> Pair:
    if "consent" in detail.get("scopes", []):
        return (
            f"あなたが、{where[0]}に、あなたの代わりをすることを許可しました。",
            f"You allowed {where[1]} to act for you.",
        )
    return f"あなたが、{where[0]}にログインしました。", f"You logged in to {where[1]}."


def _ended(detail: dict[str, Any], where: Pair) -> Pair:
    if detail.get("why") == "client":
        return f"{where[0]}が、自分の許可を終わりにしました。", f"{where[1]} ended its own authorisation."
    return f"あなたが、{where[0]}の許可を終わりにしました。", f"You ended the authorisation of {where[1]}."


def _reused(_: dict[str, Any], where: Pair) -> Pair:
    return (
        f"{where[0]}の許可が二重に使われました。盗まれたおそれがあるので、終わりにしました。",
        f"The authorisation of {where[1]} was used twice. It may have been stolen, so it has ended.",
    )


def _access(detail: dict[str, Any], _: Pair) -> Pair:
    if detail.get("restored"):
        return (
            "基盤を控えから復元したので、前のパスワードでは入れないようにしました。窓口で、再発行を受けてください。",
            "After a restore of the platform, your earlier password opens nothing. Please get a new one at the desk.",
        )
    if detail.get("everything"):
        return (
            "あなたが、ほかの機器とアプリを、すべて終わりにしました。",
            "You ended all other devices and apps.",
        )
    return (
        "あなたが、ほかの機器をログアウトしました。",
        "You logged another device out.",
    )


_SENTENCES: Final[dict[Kind, Callable[[dict[str, Any], Pair], Pair]]] = {
    Kind.LOGGED_IN: _logged_in,
    Kind.LOGGED_OUT: _logged_out,
    Kind.LOGIN_LOCKED: _locked,
    Kind.PASSWORD_CHANGED: _password,
    Kind.AUTHORIZATION_GIVEN: _authorized,
    Kind.AUTHORIZATION_ENDED: _ended,
    Kind.REFRESH_REUSED: _reused,
    Kind.ACCESS_ENDED: _access,
}
