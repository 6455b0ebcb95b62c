"""Style sheets, scripts, fonts and pictures, each under a URL that names the content of the whole folder.

The folder's hash stands in the path, so that relative URLs in style sheets keep it, browsers may keep a file
for ever, and a new version of the program is never mixed with an old style sheet.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from mimetypes import guess_type
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from moyai.base.errors import Problem
from moyai.identity.model import Caller

FOLDER = Path(__file__).parent / "static"

_TYPES = {".woff2": "font/woff2", ".js": "text/javascript", ".svg": "image/svg+xml"}
_COMPRESSIBLE = ("text/", "image/svg+xml", "application/json")


class StaticFile(msgspec.Struct, frozen=True):
    """One file, ready to be sent."""

    content: bytes
    media_type: str
    compressed: bytes | None


@lru_cache
def version() -> str:
    """16 hexadecimal digits that change when any file of the folder changes."""
    digest = hashlib.sha256()
    for path in sorted(path for path in FOLDER.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(FOLDER)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def static_url(path: str) -> str:
    """The URL of a file of `moyai/web/static`. Raises FileNotFoundError: a page must not name what is not there."""
    if not (FOLDER / path).is_file():
        raise FileNotFoundError(FOLDER / path)
    return f"/static/{version()}/{path}"


@lru_cache(maxsize=512)
def load(path: str) -> StaticFile:
    file = (FOLDER / path).resolve()
    if not file.is_relative_to(FOLDER.resolve()) or not file.is_file():
        raise Problem("not_found")
    content = file.read_bytes()
    kind = _TYPES.get(file.suffix) or guess_type(file.name)[0] or "application/octet-stream"
    compressed = gzip.compress(content, 6) if kind.startswith(_COMPRESSIBLE) else None
    return StaticFile(content, kind, compressed)


async def static_file(request: Request, _: Caller) -> Response:
    """One file. An older version's URL still answers, but is not kept by the browser."""
    path: str = request.path_params["path"]
    if "\0" in path:
        raise Problem("not_found")
    file = load(path)
    current = request.path_params["version"] == version()
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if current else "no-store",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Encoding",
    }
    if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            file.compressed, media_type=file.media_type, headers={**headers, "Content-Encoding": "gzip"}
        )
    return Response(file.content, media_type=file.media_type, headers=headers)
