"""What a verifier says at the end: what was found, who vouches for it, and what was not checked."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from moyai.ledger.findings import Finding

_UNCHECKED = {
    "log_key": (
        "台帳の署名鍵は、台帳自身が名のったものです。",
        "The log's key is the one that the log itself names.",
    ),
    "first_use": (
        "今回の鍵は、台帳自身が名のったものです。次からは、保存した鍵で確かめます。",
        "This time the keys are those that the log itself names; from now on, the saved ones count.",
    ),
    "witnesses": (
        "証人の署名は、確かめていません。ほかの人にも同じ台帳が見えているかは、わかりません。",
        "Signatures of witnesses were not checked: others may be shown another log.",
    ),
    "unwitnessed": (
        "{begin:,} 番から {end:,} 番の前までの記録には、まだ証人の署名がありません。",
        "Entries {begin:,} to {last:,} are not witnessed yet.",
    ),
    "continued": (
        "この台帳は、控えからの復元のあと、{origin} のはじめの {end:,} 件を引き継いでいます。{origin} がその後に署名した記録は、ここにはありません。",
        "After a restore from a backup, this log continues the first {end:,} entries of {origin}. What {origin} signed "
        "after those is not in it.",
    ),
    "unvouched": (
        "{begin:,} 番から {end:,} 番の前までの記録は、台帳自身のことばだけによります。",
        "For entries {begin:,} to {last:,} there is only the log's own word.",
    ),
}

FOUND, UNVOUCHED = 1, 3
"""Exit codes of `moyai verify`, beside 0."""


class Unchecked(msgspec.Struct, frozen=True):
    """Something that this examination does not show. `code` is stable."""

    code: str
    ja: str
    en: str


def unchecked(code: str, begin: int = 0, end: int = 0, origin: str = "") -> Unchecked:
    ja, en = (text.format(begin=begin, end=end, last=end - 1, origin=origin) for text in _UNCHECKED[code])
    return Unchecked(code, ja, en)


class Report(msgspec.Struct, frozen=True):
    """What was found. `size` and `root` (base64) are the newest checkpoint's.

    `ok`: the log does not contradict itself, nor anything that was held against it. `vouched`: somebody whom
    the verifier trusts vouches for it, by a key or checkpoint of the verifier's own: for its first `vouched_size` entries.
    `cosigned_by` are the trusted witnesses under the newest checkpoint that has enough of them, `cosigned_size` is
    its size, `cosigned_at` the earliest time that one of them stated.
    """

    ok: bool
    origin: str
    size: int
    root: str
    vouched: bool
    vouched_size: int
    cosigned_by: list[str]
    cosigned_size: int
    cosigned_at: datetime | None
    findings: list[Finding]
    unchecked: list[Unchecked]

    @property
    def exit_code(self) -> int:
        if not self.ok:
            return FOUND
        return 0 if self.vouched else UNVOUCHED

    def lines(self) -> list[str]:
        """For people: what was examined, each finding, and what was not checked, in both languages."""
        seen = f"{self.origin}  {self.size:,}  {self.root}"
        told = [line for found in self.findings for line in (f"✕ {found.ja}", f"  {found.en}")]
        open_ = [line for one in self.unchecked for line in (f"！ {one.ja}", f"   {one.en}")]
        return [seen, *self._witnesses(), *(told or self._verdict()), *open_]

    def _witnesses(self) -> list[str]:
        if not self.cosigned_by or self.cosigned_at is None:
            return []
        age = (datetime.now(UTC) - self.cosigned_at).total_seconds()
        names = ", ".join(self.cosigned_by)
        when = f"{self.cosigned_at:%Y-%m-%d %H:%M:%S} UTC"
        return [
            f"証人 / witnesses: {names}  ({self.cosigned_size:,})",
            f"証人の署名の時刻 / witnessed at: {when}（{_age(age)}）",
        ]

    def _verdict(self) -> list[str]:
        if self.exit_code == UNVOUCHED:
            return [
                "？ 台帳の中に矛盾はありません。ただし、この台帳が本物だと保証するものは何もありません。",
                "   The log is consistent with itself; nothing vouches for it. "
                "Give keys that you trust: --trust, --log-key, --witness-key.",
            ]
        end = "" if self.vouched_size == self.size else f"（{self.vouched_size:,} / {self.size:,}）"
        return [
            f"○ 変更・削除・並べ替えはありません。 / Nothing was changed, removed or moved. {end}".rstrip()
        ]


def _age(seconds: float) -> str:
    for length, ja, en in ((86_400, "日前", "d ago"), (3600, "時間前", "h ago"), (60, "分前", "min ago")):
        if seconds >= length:
            return f"{seconds / length:,.0f}{ja} / {seconds / length:,.0f} {en}"
    return f"{seconds:,.0f}秒前 / {seconds:,.0f} s ago"
