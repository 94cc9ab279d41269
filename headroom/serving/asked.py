"""A request's path and query, read: which resource, which object, which verb, which options."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.live.resources import BY_PATH, Resource
from headroom.serving.problems import Refusal

NAME_MAX: Final = 253
_VERBS: Final[Mapping[str, tuple[str, str]]] = {  # method -> (verb on an object, verb on a collection)
    "GET": ("get", "list"),
    "HEAD": ("get", "list"),
    "POST": ("", "create"),
    "PUT": ("update", ""),
    "PATCH": ("patch", ""),
    "DELETE": ("delete", "deletecollection"),
}
UNKNOWN: Final = "the server could not find the requested resource"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is about."""

    verb: str
    resource: Resource
    namespace: str
    name: str
    subresource: str
    query: Mapping[str, str]

    @property
    def details(self) -> dict[str, str]:
        """Name, group and resource, as a `Status` carries them."""
        given = {"name": self.name, "group": self.resource.group, "kind": self.resource.plural}
        return {key: value for key, value in given.items() if value}

    def flag(self, name: str) -> bool:
        """Return a yes-or-no parameter."""
        return self.query.get(name, "").lower() in ("1", "true")

    def count(self, name: str) -> int:
        """Return a parameter that is a number from 0; 0 if it is not given."""
        text = self.query.get(name, "")
        if not text:
            return 0
        if not text.isascii() or not text.isdecimal() or len(text) > 18:
            raise Refusal(400, f'{name}: Invalid value: "{text[:40]}": a whole number from 0 is expected')
        return int(text)


def read(method: str, path: str, query: Mapping[str, str]) -> Asked:
    """Return what a request below `/api/` or `/apis/` asks for; `Refusal` if the server has no such thing."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise Refusal(404, UNKNOWN, details={})
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 3 and (group, version, rest[2]) in BY_PATH:
        namespace, rest = rest[1], rest[2:]
    resource = BY_PATH.get((group, version, rest[0]))
    if resource is None or len(rest) > 3:
        raise Refusal(404, UNKNOWN, details={})
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    _check(resource, namespace, name, subresource)
    return Asked(_verb(method, name, subresource, query), resource, namespace, name, subresource, query)


def _check(resource: Resource, namespace: str, name: str, subresource: str) -> None:
    if bool(namespace) and not resource.namespaced:
        raise Refusal(404, UNKNOWN, details={})
    if name and resource.namespaced and not namespace:
        raise Refusal(404, UNKNOWN, details={})
    if subresource and subresource not in resource.subresources:
        raise Refusal(404, UNKNOWN, details={})
    if len(name) > NAME_MAX or len(namespace) > NAME_MAX:
        raise Refusal(400, f"a name of {max(len(name), len(namespace))} characters; at most {NAME_MAX}")


def _verb(method: str, name: str, subresource: str, query: Mapping[str, str]) -> str:
    on_object, on_collection = _VERBS.get(method, ("", ""))
    if subresource == "eviction":
        verb = "create" if method == "POST" else ""
    elif name:
        verb = on_object
    else:
        verb = on_collection
        if verb == "list" and query.get("watch", "").lower() in ("1", "true"):
            verb = "watch"
    if not verb:
        raise Refusal(405, "the server does not allow this method on the requested resource", details={})
    return verb
