"""The commands `moyai backup` and `moyai restore`: what they print."""

from __future__ import annotations

from pathlib import Path

from moyai.base.config import Home
from moyai.recovery import backup, manifest, one_store, restoring
from moyai.recovery.continuous import follow, require_running
from moyai.recovery.restoring import Asked
from moyai.upkeep.tables import progress, say, show


def back_up(home: Home, target: Path, *, continuous: bool, as_json: bool) -> int:
    """Take a backup, and follow the engine's log if wanted. Returns the exit code."""
    if continuous:
        require_running(home)
        if (target / manifest.NAME).exists():
            return follow(home, target)
    made = backup.back_up(home, target, progress, continuous=continuous)
    if as_json:
        show(made, as_json=True)
    else:
        print(f"○ {target}  {made.ended_at.isoformat(timespec='seconds')}")
        print("鍵と停止の記録は入っていません。別の場所で保管してください。")
        print("The key and the journal of stops are not in it: keep them elsewhere.", flush=True)
    return follow(home, target) if continuous else 0


def restore(directory: Path, asked: Asked, *, as_json: bool) -> int:
    """Restore a platform. Returns the exit code."""
    done = restoring.restore(Home(directory), asked, progress, say)
    if as_json:
        show(done, as_json=True)
    else:
        print("\n".join(done.lines()))
    return 0


def restore_one(home: Home, source: Path, organization_id: str, *, anew: bool, as_json: bool) -> int:
    """Restore one organisation's store. Returns the exit code."""
    done = one_store.restore_store(home, source, organization_id, progress, say, anew=anew)
    if as_json:
        show(done, as_json=True)
    else:
        print("\n".join(done.lines()))
    return 0
