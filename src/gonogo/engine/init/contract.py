"""The contract of a stack file: the proposals as YAML, each with how sure it is; what is not proposed, and why."""

from __future__ import annotations

import re

from gonogo.engine.init.proposal import Proposed
from gonogo.engine.init.render import comment, pair
from gonogo.spec.contract import REQUESTS

TENANTS = ("tenant-a", "tenant-b")
OWN = re.compile(r"KEY|ID|USER|PASSWORD|NAME")
EXAMPLES = {
    "live": "GET /livez",
    "ready": "GET /readyz",
    "metrics": "GET /metrics",
    "openapi": "GET /openapi.json",
    "ingest": '{request: POST /documents, json: {title: "{title}", text: "{text}"}, id: $.id}',
    "document": '{request: "GET /documents/{id}", id: $.id}',
    "delete": '{request: "DELETE /documents/{id}"}',
    "search": '{request: POST /search, json: {query: "{query}", k: "{k}"}, hits: "$.hits[*]", hit: {document: $.id}}',
    "chat": '{request: POST /chat, json: {session: "{session}", message: "{message}"}, answer: $.answer}',
}


def contract_lines(proposed: Proposed, needs: dict[str, str | None]) -> list[str]:
    """Lines of `contract:`; adds the variables that tenants' keys need to `needs`."""
    lines = ["contract:", pair("service", "app", indent=2), *_tenants(proposed, needs)]
    if proposed.errors:
        lines.append(pair("errors", proposed.errors, indent=2))
    else:
        lines += comment("errors: where an error holds its code. For example: errors: {code: $.error.code}", indent=2)
    for name in REQUESTS:
        if (one := proposed.requests.get(name)) is None:
            why = proposed.absent.get(name, "not declared")
            lines += comment(f"{name}: {why}. For example: {name}: {EXAMPLES[name]}", indent=2)
            continue
        lines += comment("; ".join([f"{name}: {one.confidence.value}", *one.remarks]), indent=2)
        spec = one.spec["request"] if set(one.spec) == {"request"} else dict(one.spec)
        lines.append(pair(name, spec, indent=2))
    return lines


def _tenants(proposed: Proposed, needs: dict[str, str | None]) -> list[str]:
    lines = [line for text in proposed.remarks for line in comment(text, indent=2)]
    if not (proposed.tenant_headers or proposed.variables):
        lines += comment(
            "tenants: how each of two tenants identifies itself; isolation needs two. For example: "
            'tenants: {tenant-a: {headers: {X-API-Key: "${env.TENANT_A_KEY}"}}}',
            indent=2,
        )
        return [*lines, pair("tenants", {"everybody": {}}, indent=2, remark="no key was found to be needed")]
    if proposed.auth:
        lines.append(pair("auth", proposed.auth, indent=2))
    lines += comment("Two real tenants, named as in your corpus; their keys come from the environment.", indent=2)
    lines.append("  tenants:")
    for tenant in TENANTS:
        made = {
            "headers": {name: _of_tenant(tenant, text, needs) for name, text in proposed.tenant_headers.items()},
            "variables": {name: _of_tenant(tenant, text, needs) for name, text in proposed.variables.items()},
        }
        lines.append(pair(tenant, {key: value for key, value in made.items() if value}, indent=4))
    return lines


def _of_tenant(tenant: str, pattern: str, needs: dict[str, str | None]) -> str:
    """A pattern with the environment variable that holds what the tenant has of its own."""

    def variable(match: re.Match[str]) -> str:
        if match[0] == "NAME":
            return tenant
        name = f"{tenant.upper().replace('-', '_')}_{match[0]}"
        needs.setdefault(name, None)
        return f"${{env.{name}}}"

    return OWN.sub(variable, pattern)
