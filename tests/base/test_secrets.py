"""Passwords of the roles: made once, whoever asks first, and never half written (suspected in the security review)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from moyai.base import files
from moyai.base.secrets import SecretBox, SecretFile

ASK = """
import sys
from pathlib import Path
from moyai.base.secrets import SecretBox, SecretFile
kek, names = Path(sys.argv[1]), sys.argv[2:]
try:
    SecretBox.create_file(kek)
except FileExistsError:
    pass
file = SecretFile(kek.parent.parent / "secrets.sealed", SecretBox.from_file(kek))
print("ready", flush=True)
sys.stdin.readline()
print(*(file.get_or_create(name) for name in names))
"""


def test_first_starts_side_by_side_get_one_key_and_one_password(tmp_path: Path) -> None:
    names = [f"role:{number}" for number in range(20)]
    command = [sys.executable, "-c", ASK, str(tmp_path / "keys" / "kek"), *names]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    for one in started:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in started:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    answers = {one.communicate(timeout=60)[0].strip() for one in started}
    assert len(answers) == 1
    stored = SecretFile(tmp_path / "secrets.sealed", SecretBox.from_file(tmp_path / "keys" / "kek"))
    assert answers == {" ".join(stored.get(name) or "" for name in names)}
    assert [one.name for one in (tmp_path / "keys").iterdir()] == ["kek"]


def test_a_password_that_found_no_space_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SecretFile(tmp_path / "secrets.sealed", SecretBox(bytes(32)))
    known = file.get_or_create("role:a")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(files.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            file.get_or_create("role:b")
    assert [one.name for one in tmp_path.iterdir()] == ["secrets.sealed"]
    assert (file.get("role:a"), file.get("role:b")) == (known, None)


def test_a_password_is_synced_before_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = files.os.fsync

    def note(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").resolve().name)
        real(handle)

    monkeypatch.setattr(files.os, "fsync", note)
    SecretFile(tmp_path / "secrets.sealed", SecretBox(bytes(32))).get_or_create("role:a")
    assert synced[0].startswith(".secrets.sealed.")
    assert synced[1:] == [tmp_path.name]
