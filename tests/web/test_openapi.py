"""`/openapi.json` is a document that others' programs can work with (stranger 3): valid, closed, and generated from."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from moyai.web.openapi import document
from moyai.web.routes import ROUTES
from tests import declared

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return json.loads(document(tuple(ROUTES), "http://localhost:8400", "もやい"))


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for one in part.values():
            yield from references(one)
    elif isinstance(part, list):
        for one in part:
            yield from references(one)


def test_v3_the_document_is_valid(spec: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(spec).iter_errors()] == []


def test_v3_every_reference_leads_somewhere_and_every_component_is_used(spec: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in spec["components"]["schemas"]}
    assert set(references(spec)) == known


def test_v3_components_have_names_that_a_program_can_have(spec: dict[str, Any]) -> None:
    names = list(spec["components"]["schemas"])
    assert [name for name in names if not NAME.fullmatch(name)] == []
    assert len({name.lower() for name in names}) == len(names)


def test_v3_operations_have_ids_of_their_own(spec: dict[str, Any]) -> None:
    ids = [one["operationId"] for path in spec["paths"].values() for one in path.values()]
    assert len(set(ids)) == len(ids)


@pytest.fixture(scope="module")
def generated(spec: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A client in Python, as a vendor generates it; a shape that the generator leaves out fails it."""
    place = tmp_path_factory.mktemp("client")
    (place / "openapi.json").write_text(json.dumps(spec), encoding="utf-8")
    programs = Path(sys.executable).parent
    command = [
        *(str(programs / "openapi-python-client"), "generate", "--path", str(place / "openapi.json")),
        *("--output-path", str(place / "moyai_client"), "--meta", "none", "--fail-on-warning"),
    ]
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(place)
        yield place / "moyai_client"


def test_v3_a_generated_client_has_an_answer_for_every_operation(generated: Path) -> None:
    modules = [one for one in generated.glob("api/*/*.py") if one.name != "__init__.py"]
    assert len(modules) > 80
    assert [one.stem for one in modules if "status_code == 20" not in one.read_text()] == []


EXCHANGED = {
    "exchange_id": "0192f0c1-0000-7000-8000-000000000000",
    "recorded_at": "2026-11-27T00:00:00Z",
    "subject": "s",
    "purpose": "health-support",
    "results": [
        {
            "dataset": "steps",
            "status": "ok",
            "source": {"organization_id": "c1", "component_id": "undo-app"},
            "items": [{"item_id": "i", "version": 1, "observed_at": None, "content": {"steps": 1}}],
        }
    ],
}


@pytest.mark.parametrize(
    ("tag", "operation", "content"),
    [
        ("personal", "post_personal_v1_exchange", EXCHANGED),
        (
            "personal",
            "get_personal_v1_subjects_subject_datasets_dataset_items",
            {"subject": "s", "dataset": "steps", "items": EXCHANGED["results"][0]["items"]},
        ),
        (
            "personal",
            "get_personal_v1_subjects_subject_datasets_dataset_items_item",
            EXCHANGED["results"][0]["items"][0],
        ),
    ],
)
def test_v3_a_generated_client_reads_the_answers_of_the_main_calls(
    generated: Path, tag: str, operation: str, content: dict[str, Any]
) -> None:
    client = importlib.import_module("moyai_client").Client(base_url="http://localhost")
    call = importlib.import_module(f"moyai_client.api.{tag}.{operation}")
    read = call._parse_response(client=client, response=httpx.Response(200, json=content))
    assert read.to_dict() == content


def test_i5_an_answer_that_no_description_names_is_found() -> None:
    path = "/identity/v1/me/erasures"
    assert declared.undeclared("GET", path, 200, None) is None
    assert declared.undeclared("GET", path, 429, "too_many_requests") is None
    for status, code in ((201, None), (409, "request_changed"), (418, None)):
        assert declared.undeclared("GET", path, status, code) is not None
