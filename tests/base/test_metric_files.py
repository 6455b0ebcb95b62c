"""F1 of the field review: counting a request on a full disk does not kill the process that answered it (SIGBUS)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.small_disk import fill, small_disk

COUNT = """
import sys
from pathlib import Path
from moyai.base import metric_files
metric_files.share(Path(sys.argv[1]), "serve-1")
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
counter = Counter("requests", "", ["path"])

def count(rows):
    for number in range(rows):
        try:
            counter.labels(f"/{number:0200}").inc()
        except OSError:
            pass

count(int(sys.argv[2]))
print("begun", flush=True)
sys.stdin.readline()
count(int(sys.argv[3]))
together = CollectorRegistry()
MultiProcessCollector(together)
print(generate_latest(together).count(b"requests_total{"), flush=True)
"""


def counted(disk: Path, before: int, after: int) -> tuple[int, int]:
    """Count so many paths, fill the disk, count so many: exit code, and how many paths are in the shared counts."""
    (disk / "ballast").unlink(missing_ok=True)
    command = [sys.executable, "-c", COUNT, str(disk / "metrics"), str(before), str(after)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    fill(disk)
    out, _ = process.communicate("\n", timeout=60)
    return process.returncode, int(out or -1)


def test_f1_a_full_disk_kills_nobody_who_counts(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        code, paths = counted(disk, before=1, after=900)
        assert code == 0
        assert paths + 100 >= 900  # as far as the room that was taken at the start goes
        assert counted(disk, before=1, after=5000)[0] == 0  # more than there is room for


def test_f1_who_begins_while_the_disk_is_full_counts_for_itself(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        (disk / "metrics").mkdir()
        fill(disk)
        command = [sys.executable, "-c", COUNT, str(disk / "metrics"), "5000", "10"]
        done = subprocess.run(command, input="\n", capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "begun\n0\n"


def test_counts_of_processes_that_ended_do_not_fill_the_disk(tmp_path: Path) -> None:
    from moyai.base.metric_files import _forget_dead

    for number in range(60):
        (tmp_path / f"counter_{4_194_304 + number}.db").write_bytes(b"")  # above any process id
    (tmp_path / "counter_1.db").write_bytes(b"")
    _forget_dead(tmp_path)
    assert len(list(tmp_path.iterdir())) == 25
    assert (tmp_path / "counter_1.db").exists()
