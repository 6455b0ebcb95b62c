"""What a verifier can find, in Japanese and English."""

from __future__ import annotations

import msgspec

_TEXTS = {
    "checkpoint_invalid": (
        "{where} のチェックポイントは、台帳の鍵の署名として正しくありません（{why}）。",
        "The checkpoint in {where} is not validly signed by the log: {why}.",
    ),
    "not_witnessed": (
        "あなたが信頼する証人の署名が足りるチェックポイントが、ひとつもありません。",
        "No checkpoint carries enough signatures of the witnesses that you trust.",
    ),
    "checkpoints_unordered": (
        "台帳が並べるチェックポイントの順序が、大きさの順になっていません（{where}）。",
        "The log's list of checkpoints does not grow ({where}).",
    ),
    "gave_up": (
        "検証を途中でやめました（{why}）。この台帳が正しいとは言えません。",
        "The examination was given up: {why}. Nothing says that this log is good.",
    ),
    "witness_silent": ("証人 {where} が応答しません（{why}）。", "Witness {where} does not answer: {why}."),
    "tile_unreadable": ("{where} を読めません（{why}）。", "{where} cannot be read: {why}."),
    "tile_changed": ("{where} のハッシュが書き換えられています。", "Hashes in {where} were changed."),
    "entry_changed": (
        "記録 {index} 番（{entry_id}）が書き換えられています。",
        "Entry {index} ({entry_id}) was changed.",
    ),
    "entry_removed": (
        "記録 {index} 番（{entry_id}）が取り除かれています。",
        "Entry {index} ({entry_id}) was removed.",
    ),
    "entry_moved": (
        "記録 {index} 番の場所に、{other} 番の記録（{entry_id}）が置かれています。",
        "In the place of entry {index} stands entry {other} ({entry_id}).",
    ),
    "entry_doubtful": (
        "記録 {index} 番（{entry_id}）は、本体とハッシュが合わず、どちらも署名で確かめられません。",
        "Entry {index} ({entry_id}) and its hash disagree, and no signature confirms either.",
    ),
    "history_changed": (
        "{begin} 番から {end} 番の前までの記録のどれかが、署名のあとで変えられています。",
        "Among entries {begin} to {last}, something was changed after it was signed.",
    ),
    "log_rewritten": (
        "{where} のチェックポイント（{end} 件）と合いません。{begin} 番から {end} 番の前までの記録が書き換えられ、署名し直されています。",
        "The log does not extend the checkpoint of {end} entries from {where}: "
        "entries {begin} to {last} were rewritten and signed anew.",
    ),
    "entries_lost": (
        "{where} のチェックポイントは {why} の {end} 件ですが、この台帳は控えから復元され、はじめの {begin} 件だけを引き継いでいます。",
        "The checkpoint from {where} has {end} entries of {why}. The log was restored from a backup and continues only "
        "the first {begin}: entries {begin} to {last} are lost.",
    ),
    "log_shorter": (
        "{where} のチェックポイントは {end} 件ですが、台帳には {begin} 件しかありません。",
        "The checkpoint from {where} has {end} entries, but the log has only {begin}.",
    ),
}


class Finding(msgspec.Struct, frozen=True):
    """`code` is stable. `interval` is half-open: entries `interval[0]` to `interval[1] - 1`."""

    code: str
    ja: str
    en: str
    index: int | None = None
    entry_id: str | None = None
    interval: tuple[int, int] | None = None


def finding(
    code: str,
    *,
    index: int | None = None,
    entry_id: str | None = None,
    interval: tuple[int, int] | None = None,
    where: str | None = None,
    why: str = "",
    other: int | None = None,
) -> Finding:
    begin, end = interval or (0, 0)
    words = {"index": index, "where": where, "why": why, "other": other, "begin": begin, "end": end}
    ja, en = (
        text.format(**words, entry_id=entry_id or unknown, last=end - 1)
        for text, unknown in zip(_TEXTS[code], ("ID 不明", "id unknown"), strict=True)
    )
    return Finding(code, ja, en, index, entry_id, interval)


MOST_FINDINGS = 1000
"""After these, whoever made the log has nothing more to say to a reader."""


class GaveUp(Exception):
    """The log costs more than a verifier will spend on it; the message says what was too much."""


class Findings:
    """What was found so far. Raises GaveUp rather than grow without end."""

    def __init__(self) -> None:
        self.found: list[Finding] = []

    def add(self, one: Finding) -> None:
        if len(self.found) >= MOST_FINDINGS:
            raise GaveUp(f"more than {MOST_FINDINGS:,} findings")
        self.found.append(one)
