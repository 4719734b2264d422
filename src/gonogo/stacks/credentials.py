"""Who asks: how a tenant of the contract identifies itself, its login, and how somebody does who has no business."""

from __future__ import annotations

import base64
import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gonogo.core.errors import NotMeasurable, UsageError
from gonogo.spec.contract import REQUESTS, AuthSpec, ContractSpec, LoginSpec, TenantSpec
from gonogo.spec.references import REFERENCE
from gonogo.stacks.encoding import Prepared, prepared, resolved
from gonogo.stacks.exchange import PLACEHOLDER, Answer, fill, first

LIMITED = "rate_limited"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a caller adds to every request. `who` is whose token it carries, where it came from a login."""

    who: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    token: str | None = None

    def of(self, request: Prepared) -> Prepared:
        """A request as this caller sends it."""
        return request.with_headers(self.headers).with_query(self.query)


ANYBODY = Identity()


class LoginFailed(NotMeasurable):
    """A login did not give a token. `answer` is what it got instead."""

    def __init__(self, message: str, answer: Answer) -> None:
        super().__init__(message)
        self.answer = answer


class Keyring:
    """What a run has learned on the way: tokens of logins, and variables that setup captured. Thread-safe.

    `secret` registers what must be masked.
    """

    def __init__(self, secret: Callable[[str], str] = str) -> None:
        self.secret = secret
        self.captured: dict[str | None, dict[str, Any]] = defaultdict(dict)  # by tenant; None: for everybody
        self._tokens: dict[tuple[str, str], str] = {}
        self._locks: dict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def token(self, instance: str, who: str, login: Callable[[], str], *, instead_of: str | None = None) -> str:
        """The token of a caller at an instance of the service: the known one, unless it is the one to be replaced."""
        key = (instance, who)
        with self._lock:
            own = self._locks[key]
        with own:
            known = self._tokens.get(key)
            if known is None or known == instead_of:
                known = self._tokens[key] = self.secret(login())
            return known

    def variables(self, who: str | None) -> dict[str, Any]:
        """What was captured for everybody and for a tenant."""
        return {**self.captured[None], **(self.captured[who] if who is not None else {})}


class Credentials:
    """The callers of a contract, at one instance of its service. `send` sends the request of a login."""

    def __init__(
        self,
        contract: ContractSpec,
        resolve: Callable[[str], str],
        keyring: Keyring,
        instance: str,
        send: Callable[[Prepared], Answer],
    ) -> None:
        self.keyring = keyring
        self._contract = contract
        self._resolve = resolve
        self._instance = instance
        self._send = send

    def of(self, tenant: str | None) -> Identity:
        """A tenant of the contract; None is anybody. Raises UsageError for an unknown one, LoginFailed."""
        if tenant is None:
            return replace(ANYBODY, variables=self.keyring.variables(None))
        return self._identity(tenant, self._tenant(tenant))

    def limited(self) -> Identity | None:
        """The caller whose rate limit may be used up."""
        return None if self._contract.rate_limited is None else self._identity(LIMITED, self._contract.rate_limited)

    def nobody(self, like: str | None) -> Identity:
        """Somebody without any credential, who asks for what belongs to a tenant."""
        return self._without(like, lambda _value: "")

    def stranger(self, like: str | None) -> Identity:
        """Somebody with credentials of the right form that nobody has, who asks for what belongs to a tenant."""
        if like is None:
            return self.nobody(None)
        spec = self._tenant(like)
        base = self._without(like, wrong)
        headers = {name: self._resolve(value) for name, value in spec.headers.items()}
        auth = self._auth(spec)
        spoilt = _secret_headers(spec) if auth is None else _referring(spec.headers)
        headers = {name: wrong(value) if name in spoilt else value for name, value in headers.items()}
        if auth is None:
            return replace(base, headers=headers)
        plain = self._plain_variables(like, spec)
        return self._proven(replace(base, headers=headers), _spoilt(auth), plain, lambda _login: _nonsense())

    def trespassing(self, reader: str, place: str) -> Identity | None:
        """A tenant with its own proofs and another one's name in paths, bodies and headers; None where none has a name.

        Where tenants are told apart by their proofs alone there is no other place to ask in.
        """
        theirs, ours = self._tenant(place), self._tenant(reader)
        proven = self._auth(ours) is not None or _referring(ours.headers) or self._secret_variables(ours)
        names = {
            name: self._resolve(theirs.variables[name])
            for name in set(theirs.variables) - self._secret_variables(theirs)
        }
        headers = {
            name: self._resolve(theirs.headers[name]) for name in set(theirs.headers) - _referring(theirs.headers)
        }
        if not proven or not (names or headers):
            return None
        caller = self.of(reader)
        captured = self.keyring.variables(place)
        variables = {**caller.variables, **captured, **names}
        if variables == caller.variables and headers.items() <= caller.headers.items():
            return None
        return replace(caller, variables=variables, headers={**caller.headers, **headers})

    def renewed(self, identity: Identity) -> Identity | None:
        """The same caller after another login; None for one that does not log in. Raises LoginFailed."""
        if identity.who is None or identity.token is None:
            return None
        spec = self._contract.rate_limited if identity.who == LIMITED else self._tenant(identity.who)
        assert spec is not None
        made = self._identity(identity.who, spec, instead_of=identity.token)
        auth = self._auth(spec)
        if auth is None or auth.login is None:
            return made
        fresh = {auth.login.header: made.headers[auth.login.header]}
        return replace(identity, headers={**identity.headers, **fresh}, token=made.token)

    def secrets_of(self, tenant: str) -> dict[str, str]:
        """What must not be seen of a tenant's credentials, by where it stands; no login is made for it."""
        spec = self._tenant(tenant)
        known = {name: self._resolve(spec.headers[name]).rpartition(" ")[2] for name in _secret_headers(spec)}
        known |= {name: self._resolve(spec.variables[name]) for name in self._secret_variables(spec)}
        auth = self._auth(spec)
        if auth is None:
            return known
        values = self._plain_variables(tenant, spec)
        if auth.api_key:
            known[auth.api_key.name] = self._filled(auth.api_key.value, values)
        if auth.bearer:
            known["bearer token"] = self._filled(auth.bearer, values)
        if auth.basic:
            known["password"] = self._filled(auth.basic.password, values)
        return known

    # --- making one

    def _identity(self, who: str, spec: TenantSpec, *, instead_of: str | None = None) -> Identity:
        values = self._plain_variables(who, spec)
        headers = {name: self._filled(value, values) for name, value in spec.headers.items()}
        made = Identity(who=who, headers=headers, variables=values)
        auth = self._auth(spec)
        if auth is None:
            return made
        return self._proven(made, auth, values, lambda login: self._token(who, login, values, instead_of))

    def _proven(
        self, made: Identity, auth: AuthSpec, values: Mapping[str, Any], token_of: Callable[[LoginSpec], str]
    ) -> Identity:
        """With what proves who it is."""
        if auth.bearer is not None:
            token = self.keyring.secret(self._filled(auth.bearer, values))
            return _with_header(made, "Authorization", f"Bearer {token}")
        if auth.basic is not None:
            password = self.keyring.secret(self._filled(auth.basic.password, values))
            pair = f"{self._filled(auth.basic.user, values)}:{password}"
            encoded = self.keyring.secret(base64.b64encode(pair.encode()).decode())
            return _with_header(made, "Authorization", f"Basic {encoded}")
        if auth.api_key is not None:
            value = self.keyring.secret(self._filled(auth.api_key.value, values))
            if auth.api_key.place == "query":
                return replace(made, query={**made.query, auth.api_key.name: value})
            if auth.api_key.place == "cookie":
                return _with_header(made, "Cookie", f"{auth.api_key.name}={value}")
            return _with_header(made, auth.api_key.name, value)
        assert auth.login is not None  # AuthSpec has one of the four
        token = token_of(auth.login)
        made = replace(made, token=token)
        return _with_header(made, auth.login.header, str(fill(auth.login.value, {**values, "token": token})))

    def _token(self, who: str, login: LoginSpec, values: Mapping[str, Any], instead_of: str | None) -> str:
        return self.keyring.token(self._instance, who, lambda: self._log_in(who, login, values), instead_of=instead_of)

    def _log_in(self, who: str, login: LoginSpec, values: Mapping[str, Any]) -> str:
        request = prepared(resolved(login, self._resolve), values)
        answer = self._send(request)
        if not answer.ok:
            raise LoginFailed(f"the login of {who} failed: {answer.request} answered {answer.outcome}", answer)
        try:
            token = first(login.token, answer.json(), answer.request)
        except NotMeasurable as error:
            raise LoginFailed(f"the login of {who} gave no token: {error}", answer) from None
        if not isinstance(token, (str, int)) or isinstance(token, bool) or token == "":
            found = "an empty text" if token == "" else type(token).__name__
            raise LoginFailed(f"the login of {who} gave no token: {login.token} selects {found}", answer)
        return str(token)

    def _without(self, like: str | None, secret_becomes: Callable[[str], str]) -> Identity:
        """A caller who knows a tenant's name and none of its secrets."""
        if like is None:
            return Identity(variables=self.keyring.variables(None))
        spec = self._tenant(like)
        values = self._plain_variables(like, spec)
        hidden = {name: secret_becomes(values[name]) for name in self._secret_variables(spec)}
        return Identity(variables={**values, **hidden})

    def _plain_variables(self, who: str, spec: TenantSpec) -> dict[str, Any]:
        own = {name: self._resolve(value) for name, value in spec.variables.items()}
        return {**self.keyring.variables(who), **own}

    def _secret_variables(self, spec: TenantSpec) -> set[str]:
        """The variables that prove something: those that hold a reference, and stand in no path, where names stand."""
        requests = (getattr(self._contract, name) for name in REQUESTS)
        in_paths = {found for one in requests if one is not None for found in PLACEHOLDER.findall(one.path)}
        return {name for name, raw in spec.variables.items() if REFERENCE.search(raw)} - in_paths

    def _auth(self, spec: TenantSpec) -> AuthSpec | None:
        return spec.auth or self._contract.auth

    def _filled(self, template: str, values: Mapping[str, Any]) -> str:
        return str(fill(self._resolve(template), values))

    def _tenant(self, tenant: str) -> TenantSpec:
        if tenant not in self._contract.tenants:
            raise UsageError(f"the contract has no tenant {tenant!r} (known: {', '.join(self._contract.tenants)})")
        return self._contract.tenants[tenant]


def wrong(credential: str) -> str:
    """A credential of the same form that nobody has.

    >>> wrong("Bearer s3cret").split()[0], "s3cret" in wrong("Bearer s3cret")
    ('Bearer', False)
    """
    scheme, space, _ = credential.rpartition(" ")
    return f"{scheme}{space}{_nonsense()}"


def _spoilt(auth: AuthSpec) -> AuthSpec:
    """The same way to prove who one is, with nothing that proves it. A login is spoilt by its token."""
    changes: dict[str, Any] = {"bearer": _nonsense()} if auth.bearer is not None else {}
    if auth.basic is not None:
        changes["basic"] = auth.basic.model_copy(update={"password": _nonsense()})
    if auth.api_key is not None:
        changes["api_key"] = auth.api_key.model_copy(update={"value": _nonsense()})
    return auth.model_copy(update=changes)


def _secret_headers(spec: TenantSpec) -> set[str]:
    """The headers that prove something: those that hold a reference, or all where none does."""
    return _referring(spec.headers) or set(spec.headers)


def _referring(headers: Mapping[str, str]) -> set[str]:
    return {name for name, value in headers.items() if REFERENCE.search(value)}


def _nonsense() -> str:
    return f"nobody-{secrets.token_hex(16)}"


def _with_header(identity: Identity, name: str, value: str) -> Identity:
    return replace(identity, headers={**identity.headers, name: value})
