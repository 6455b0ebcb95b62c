"""The shape of a registry file (TOML): what is to be registered, in any order, applied in the order of 1.1.1.

A scenario is a registry file with a few sections more, which `moyai up` reads: they are named here so that a
misspelt section is refused, and otherwise left alone.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from moyai.base.errors import Problem
from moyai.identity.staff_model import StaffDeclaration
from moyai.registry.declarations import (
    AuthenticationServiceDeclaration,
    CertificationRequest,
    ClientDeclaration,
    ComponentDeclaration,
    CriteriaDeclaration,
    DatasetDeclaration,
    LinkDeclaration,
    OrganizationDeclaration,
    PlatformTermsDeclaration,
    PurposeDeclaration,
    ServiceDeclaration,
    ServiceTermsDeclaration,
)
from moyai.registry.model import (
    ClientKind,
)


class CertificationEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    organization: str
    criteria_version: str
    reviewer: str
    reviewer_organization: str

    def request(self) -> CertificationRequest:
        return CertificationRequest(self.criteria_version, self.reviewer, self.reviewer_organization)


class ServiceCertificationEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    service: str


class SuspensionEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Suspends, with a reason; once: a file does not renew a suspension that was ended. It cannot end one either: a
    stop is ended by its own act (`DELETE /registry/v1/organizations/{id}/suspension`)."""

    organization: str
    reason: str


class LinkEndEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ends a link for good, with a reason."""

    link: str
    reason: str


class ClientEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A client. Without `jwks` its key lies in the platform's directory and is made at first use; with
    `redirect_paths` its redirect URIs are those paths under the address where its component runs."""

    client_id: str
    kind: ClientKind
    name_ja: str
    name_en: str
    scopes: list[str]
    component: str | None = None
    organization: str | None = None
    jwks: dict[str, Any] | None = None
    redirect_uris: list[str] = []
    redirect_paths: list[str] = []
    post_logout_redirect_uris: list[str] = []

    def declaration(self, jwks: dict[str, Any] | None, redirect_uris: list[str]) -> ClientDeclaration:
        members = {name: getattr(self, name) for name in ClientDeclaration.__struct_fields__}
        return msgspec.convert(members | {"jwks": jwks, "redirect_uris": redirect_uris}, ClientDeclaration)


class WitnessEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A witness. Key and address may come later, from the witness that was started."""

    witness_id: str
    organization: str
    verifier_key: str | None = None
    url: str | None = None


class RegistryFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sections of a registry file; each may be left out, and nothing that is left out is removed."""

    organization: list[OrganizationDeclaration] = []
    authentication_service: list[AuthenticationServiceDeclaration] = []
    criteria: list[CriteriaDeclaration] = []
    certification: list[CertificationEntry] = []
    dataset: list[DatasetDeclaration] = []
    purpose: list[PurposeDeclaration] = []
    component: list[ComponentDeclaration] = []
    service: list[ServiceDeclaration] = []
    link: list[LinkDeclaration] = []
    link_end: list[LinkEndEntry] = []
    platform_terms: PlatformTermsDeclaration | None = None
    service_terms: list[ServiceTermsDeclaration] = []
    service_certification: list[ServiceCertificationEntry] = []
    client: list[ClientEntry] = []
    witness: list[WitnessEntry] = []
    staff: list[StaffDeclaration] = []
    suspension: list[SuspensionEntry] = []
    # read by `moyai up`, not registered
    scenario: Any = None
    platform: Any = None
    brokers: Any = None
    example: Any = None
    city_data: Any = None
    resident: Any = None
    residents: Any = None
    beginning: Any = None
    story: Any = None
    witness_program: Any = None


def read(path: Path) -> RegistryFile:
    """Read a file. Raises Problem: malformed_request (not TOML), invalid_request (names the place in it)."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Problem("does_not_exist", f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Problem("malformed_request", f"{path} is not UTF-8") from error


def parse(text: str) -> RegistryFile:
    try:
        return msgspec.convert(tomllib.loads(text), RegistryFile)
    except tomllib.TOMLDecodeError as error:
        raise Problem("malformed_request", f"not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise Problem("invalid_request", str(error)) from error
