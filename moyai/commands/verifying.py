"""`moyai verify`: whom the verifier trusts, then the examination."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from moyai.ledger import policy
from moyai.ledger.policy import Policy, PolicyError
from moyai.ledger.verify import examine, first_use
from moyai.ledger.verify_report import Report, unchecked
from moyai.ledger.verify_source import VerifyError, copy_log


class Trust(msgspec.Struct, frozen=True):
    """Where the verifier's trust comes from: one file, one file to be written, or keys; or nothing at all."""

    file: Path | None = None
    on_first_use: Path | None = None
    log_keys: Sequence[str] = ()
    witness_keys: Sequence[str] = ()
    needed: int | None = None

    def policy(self) -> Policy | None:
        """None where the verifier brings nothing. Raises VerifyError."""
        keys = bool(self.log_keys or self.witness_keys or self.needed is not None)
        if (self.file is not None) + (self.on_first_use is not None) + keys > 1:
            raise VerifyError(
                "give one of: --trust, --trust-on-first-use, or keys (--log-key, --witness-key)"
            )
        file = self.file or self.on_first_use
        try:
            if file is not None:
                return policy.parse(file.read_text(encoding="utf-8"))
            return policy.make(self.log_keys, self.witness_keys, self.needed) if keys else None
        except FileNotFoundError as error:
            if self.on_first_use is not None:
                return None
            raise VerifyError(f"there is no trust policy at {file}") from error
        except (PolicyError, OSError, UnicodeDecodeError) as error:
            raise VerifyError(str(error)) from error


def run(
    place: str,
    trust: Trust,
    *,
    checkpoints: Sequence[Path],
    witnesses: Sequence[str],
    copy_to: Path | None,
    most_entries: int,
    progress: Callable[[str, int, int], None],
) -> Report:
    """Raises VerifyError if nothing can be examined, or an argument cannot be used."""
    known = trust.policy()
    if copy_to is not None:
        place = copy_log(place, copy_to, lambda done, total: progress("copied", done, total), most_entries)
    first = first_use(place) if known is None and trust.on_first_use is not None else None
    report = examine(
        place,
        trust=known or first,
        checkpoints=checkpoints,
        witnesses=witnesses,
        most_entries=most_entries,
        progress=lambda done, total: progress("examined", done, total),
    )
    return _first(report, first, trust.on_first_use) if first and trust.on_first_use else report


def _first(report: Report, named: Policy, file: Path) -> Report:
    """Keep the keys that the log named for the next time; this time, nothing vouches for them."""
    if report.ok:
        file.write_text(named.text(), encoding="utf-8")
    return msgspec.structs.replace(report, vouched=False, vouched_size=0, unchecked=[unchecked("first_use")])
