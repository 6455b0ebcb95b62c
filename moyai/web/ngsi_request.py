"""What an NGSIv2 request says: tenant, parameters, options, body. Every rule of the wire is kept here.

What NGSIv2 has and this platform does not have yet is refused with 501 by its own name, never ignored.
Sources: Orion API, "Request query parameters" of each operation; Orion's forbidden characters and limits.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from moyai.context.access import tenant_of
from moyai.context.errors import Kind, NgsiError, bad_request, not_implemented
from moyai.context.syntax import check_name, check_text, parse_json
from moyai.web.operation import read_body

_LATER_PARAMETERS: Final = frozenset(
    {"idPattern", "typePattern", "q", "mq", "georel", "geometry", "coords", "orderBy", "metadata"}
)
_LATER_OPTIONS: Final = frozenset(
    {
        "values",
        "unique",
        "skipForwarding",
        "forcedUpdate",
        "flowControl",
        "noAttrDetail",
        "dateCreated",
        "dateModified",
    }
)
_OPTIONS: Final = frozenset({"count", "keyValues", "upsert", "append", "overrideMetadata"})


def tenant(request: Request) -> str:
    """The tenant of `Fiware-Service`; the only service path is `/`, which is also what no header means.

    A reader without a header asks Orion for `/#`, all paths; as all entities lie at `/`, that is the same.
    """
    path = request.headers.get("fiware-servicepath", "/")
    if path not in ("", "/", "/#"):
        raise not_implemented("Fiware-ServicePath other than /")
    return tenant_of(request.headers.get("fiware-service"))


def parameters(request: Request, *allowed: str) -> dict[str, str]:
    """The query string, each parameter once. `options` is allowed everywhere.

    Raises NgsiError: NotImplemented for what NGSIv2 has and we do not, BadRequest for what nobody knows.
    """
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in allowed and name != "options":
            if name in _LATER_PARAMETERS:
                raise not_implemented(f"URI parameter {name}")
            raise bad_request(f"unknown URI parameter: {_shown(name)}")
        if name in given:
            raise bad_request(f"URI parameter given twice: {name}")
        if not value:
            raise bad_request(f"Empty right-hand-side for URI param /{name}/")
        check_text(value, f"URI param {name}")
        given[name] = value
    return given


def options(given: dict[str, str], *also: str) -> frozenset[str]:
    """The options; `also` are those that only this operation has."""
    chosen = frozenset(given["options"].split(",")) if "options" in given else frozenset[str]()
    for option in sorted(chosen):
        if option in _OPTIONS or option in also:
            continue
        if option in _LATER_OPTIONS:
            raise not_implemented(f"option {option}")
        raise bad_request(f"Invalid value for URI param /options/: {_shown(option)}")
    return chosen


def entity_id(request: Request) -> str:
    return check_name(request.path_params["entity_id"], "entity id")


def entity_type(given: dict[str, str]) -> str | None:
    return check_name(given["type"], "entity type") if "type" in given else None


def attribute_name(request: Request) -> str:
    return check_name(request.path_params["attribute"], "attribute name")


async def json_body(request: Request) -> object:
    """The body as JSON.

    Raises NgsiError: ContentLengthRequired (no body), UnsupportedMediaType, RequestEntityTooLarge, ParseError.
    """
    require_body(request)
    if content_type(request) != "application/json":
        raise NgsiError(Kind.UNSUPPORTED_MEDIA_TYPE, "Content-Type must be application/json")
    return parse_json(await body(request))


def require_body(request: Request) -> None:
    chunked = "transfer-encoding" in request.headers
    if not chunked and request.headers.get("content-length", "0") == "0":
        raise NgsiError(Kind.CONTENT_LENGTH_REQUIRED, "Zero/No Content-Length in PUT/POST/PATCH request")


async def body(request: Request) -> bytes:
    content = await read_body(request)
    if not content:
        raise NgsiError(Kind.CONTENT_LENGTH_REQUIRED, "Zero/No Content-Length in PUT/POST/PATCH request")
    return content


def content_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def require_json_accepted(request: Request) -> None:
    """Raises NgsiError (NotAcceptable) for a client that takes no JSON."""
    if not accepts(request, "application/json"):
        raise NgsiError(Kind.NOT_ACCEPTABLE, "acceptable MIME types: application/json")


def accepts(request: Request, media_type: str) -> bool:
    """Whether `Accept` has the type, its family or everything; without the header everything is accepted."""
    header = request.headers.get("accept")
    if not header:
        return True
    family = media_type.split("/")[0] + "/*"
    ranges = [part.split(";") for part in header.lower().split(",")]
    return any(r[0].strip() in (media_type, family, "*/*") and not _weight_zero(r[1:]) for r in ranges)


def _weight_zero(given: list[str]) -> bool:
    return any(parameter.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for parameter in given)


def _shown(text: str) -> str:
    """A client's own text may stand in an answer only without characters that a page could misread."""
    return "".join(c for c in text if c.isalnum() or c in "-_.:")[:64]
