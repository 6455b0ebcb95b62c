"""Passwords of the roles: made once, whoever asks first, and never half written (suspected in the security review)."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from moyai.base import files
from moyai.base.config import Held, Home
from moyai.base.engine import ADMIN
from moyai.base.least_right import AREAS, Process, held_by
from moyai.base.roles import OWNER, PROVISION, SERVE, WORKER
from moyai.base.secrets import SEALED, KeyNotHeld, SecretBox, SecretFile

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


OLD_NONCE = bytes(range(12))


def sealed_by_an_earlier_release(name: str, secret: bytes) -> bytes:
    """Under the one key itself, as before areas had keys of their own."""
    return OLD_NONCE + AESGCM(bytes(32)).encrypt(OLD_NONCE, secret, name.encode())


@pytest.mark.parametrize(
    ("process", "name"),
    [
        ("serve", "role:moyai_admin"),
        ("serve", "role:moyai_owner"),
        ("serve", "role:moyai_provision"),
        ("serve", "role:moyai_worker"),
        ("serve", "signing-key:log:abc"),
        ("serve", "login:desk-c2"),
        ("worker", "role:moyai_admin"),
        ("worker", "role:moyai_serve"),
        ("worker", "signing-key:oidc:abc"),
        ("worker", "signing-key:receipt:abc"),
        ("worker", "totp:hanako"),
    ],
)
def test_m7_a_process_opens_nothing_of_anothers(process: Process, name: str) -> None:
    whole = SecretBox(bytes(32))
    part = SecretBox(None, whole.keys_of(AREAS[process]))
    for sealed in (whole.seal(name, b"secret"), sealed_by_an_earlier_release(name, b"secret")):
        assert whole.open(name, sealed) == b"secret"
        with pytest.raises(KeyNotHeld):
            part.open(name, sealed)
        for held in part.keys_of(AREAS[process]).values():  # nor by any key that it has
            with pytest.raises(InvalidTag):
                AESGCM(held).decrypt(sealed[-18:][:12], sealed[-18:], name.encode())
            with pytest.raises(InvalidTag):
                AESGCM(held).decrypt(sealed[7:19], sealed[19:], name.encode())


def test_m7_a_process_opens_what_is_its_own() -> None:
    whole = SecretBox(bytes(32))
    part = SecretBox(None, whole.keys_of(AREAS["serve"]))
    for name in ("signing-key:oidc:abc", "store:moyai_personal_c1", "totp:hanako"):
        assert part.open(name, whole.seal(name, b"secret")) == b"secret"
        assert whole.open(name, part.seal(name, b"other")) == b"other"


def test_m7_a_home_that_was_handed_its_secrets_needs_no_key_file(home: Home) -> None:
    held = msgspec.json.decode(msgspec.json.encode(held_by(home, "serve")), type=Held)
    own = Home(home.directory, held)
    assert own.dsn(SERVE) == home.dsn(SERVE)
    for role in (ADMIN, OWNER, PROVISION, WORKER):
        with pytest.raises(KeyNotHeld):
            own.dsn(role)
        with pytest.raises(KeyNotHeld):
            own.secrets().get_or_create(f"role:{role}")


def test_passwords_of_an_earlier_release_are_sealed_anew_and_stay_the_same(tmp_path: Path) -> None:
    file = SecretFile(tmp_path / "secrets.sealed", SecretBox(bytes(32)))
    old = base64.b64encode(sealed_by_an_earlier_release("role:a", b"as before")).decode()
    (tmp_path / "secrets.sealed").write_bytes(msgspec.json.encode({"role:a": old}))
    assert file.get("role:a") == "as before"
    file.seal_anew()
    assert file.get("role:a") == "as before"
    (entry,) = msgspec.json.decode((tmp_path / "secrets.sealed").read_bytes()).values()
    assert base64.b64decode(entry).startswith(SEALED)
