"""How tenants are told apart, from an OpenAPI document: keys, tokens, logins, and their names in paths and headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gonogo.engine.init.openapi import FORM, OpenApi, Operation
from gonogo.engine.init.requests import TENANT, make_request
from gonogo.engine.init.shapes import places, scalar_at

if TYPE_CHECKING:
    from gonogo.engine.init.proposal import Proposed

LOGINS = frozenset({"login", "token", "signin", "sign-in", "session", "sessions", "authenticate"})
TOKENS = ("access_token", "token", "id_token", "jwt", "session_token")
USERS = ("username", "user", "email", "login", "user_name")
PASSWORDS = ("password", "passwd", "secret")


def find_tenants(api: OpenApi, made: Proposed) -> None:
    """Add to a contract how callers identify themselves, from the schemes that the proposed requests need."""
    operations = [one.operation for one in made.requests.values() if one.operation]
    wanted = dict.fromkeys(scheme for one in operations for scheme in one.security)
    for name in wanted or (api.schemes if len(api.schemes) == 1 else ()):
        _scheme(api, name, api.schemes.get(name, {}), made)
    for one in operations:
        for parameter in one.parameters:
            if parameter.place == "header" and TENANT.search(parameter.name):
                made.tenant_headers.setdefault(parameter.name, "ID")
    if any("{tenant}" in str(one.spec) for one in made.requests.values()):
        made.variables["tenant"] = "NAME"
        made.remarks.append("variables.tenant: the tenant's name in paths and bodies")


def _scheme(api: OpenApi, name: str, scheme: Mapping[str, Any], made: Proposed) -> None:
    kind, place = str(scheme.get("type", "")), str(scheme.get("in", ""))
    how = str(scheme.get("scheme", "")).lower()
    if kind == "apiKey" and place == "header":
        made.tenant_headers[str(scheme.get("name"))] = "KEY"
    elif kind == "apiKey" and place in {"query", "cookie"}:
        made.auth = {"api_key": {"in": place, "name": str(scheme.get("name")), "value": "{key}"}}
        made.variables["key"] = "KEY"
    elif kind == "http" and how == "basic":
        made.auth = {"basic": {"user": "{user}", "password": "{password}"}}
        made.variables |= {"user": "USER", "password": "PASSWORD"}
    elif kind in {"http", "oauth2", "openIdConnect"} and (login := _login(api, scheme)):
        made.auth = {"login": login}
        made.variables |= {"user": "USER", "password": "PASSWORD"}
    elif kind == "http" and how == "bearer":
        made.tenant_headers["Authorization"] = "Bearer KEY"
    elif kind in {"oauth2", "openIdConnect"}:
        made.tenant_headers["Authorization"] = "Bearer KEY"
        made.remarks.append(
            f"{name} is a login that the document does not describe: give tokens that were made elsewhere"
        )
    else:
        made.remarks.append(f"{name} (a key in the {place or kind}) is not supported: headers, query and cookies are")


def _login(api: OpenApi, scheme: Mapping[str, Any]) -> dict[str, Any] | None:
    """The request that gives a token for a user and a password; None where the document has none."""
    flow = (scheme.get("flows") or {}).get("password") or {}
    path = "/" + urlsplit(str(flow.get("tokenUrl", ""))).path.lstrip("/")
    posts = [one for one in api.operations if one.method == "POST"]
    named = [one for one in posts if one.path.rstrip("/") == path.rstrip("/")] if flow else []
    for one in named or [one for one in posts if LOGINS & set(one.path.lower().split("/"))]:
        if login := _login_request(api, one):
            return login
    if not flow:
        return None
    form = {"grant_type": "password", "username": "{user}", "password": "{password}"}
    return {"request": f"POST {path}", "form": form, "token": "$.access_token"}


def _login_request(api: OpenApi, one: Operation) -> dict[str, Any] | None:
    made = make_request(api, one, {"user": USERS, "password": PASSWORDS})
    token = scalar_at(list(places(one.answer, api.resolve)), TOKENS, {"string"})
    if not {"user", "password"} <= set(made.used) or (made.open and FORM not in one.forms):
        return None
    return {**made.spec, "token": token or "$.access_token"}
