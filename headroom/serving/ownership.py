"""Who set which field: what server-side apply goes by (`metadata.managedFields` of a real server).

Kept beside the objects, by uid, as leaf paths per manager; entries of lists that have a key are told apart by
it, as `k:{"name":"c"}` does there. Source: structured-merge-diff, merge/update.go.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from headroom.serving.patching import MERGE_KEYS, strategic
from headroom.serving.problems import Refusal

FieldPath = tuple[str, ...]
_UNOWNED: Final = ("apiVersion", "kind", "status")
_META_UNOWNED: Final = (
    "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink",
    "managedFields", "deletionTimestamp", "deletionGracePeriodSeconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Manager:
    """Who writes: a field manager, by apply or by update, on the object or a subresource."""

    name: str
    version: str
    subresource: str = ""
    applies: bool = False

    @property
    def text(self) -> str:
        """How a conflict names it."""
        where = f' with subresource "{self.subresource}"' if self.subresource else ""
        return f'"{self.name}"{where} using {self.version}' if not self.applies else f'"{self.name}"{where}'


@dataclass
class Ownership:
    """The fields of all objects."""

    _owned: dict[str, dict[Manager, dict[FieldPath, None]]] = field(default_factory=dict)

    def wrote(self, before: Mapping[str, Any] | None, after: Mapping[str, Any], manager: Manager) -> None:
        """Take note of a write that was no apply: what it changed is the writer's now."""
        old = dict(leaves(before)) if before is not None else {}
        new = dict(leaves(after))
        changed = {path: None for path, value in new.items() if path not in old or old[path] != value}
        gone = [path for path in old if path not in new]
        owners = self._owned.setdefault(after["metadata"]["uid"], {})
        for paths in owners.values():
            for path in (*changed, *gone):
                paths.pop(path, None)
        if changed:
            owners.setdefault(manager, {}).update(changed)

    def forget(self, uid: str) -> None:
        """Let go of an object that is gone."""
        self._owned.pop(uid, None)

    def applied(
        self, current: Mapping[str, Any], wanted: Mapping[str, Any], manager: Manager, *, force: bool
    ) -> dict[str, Any]:
        """Return the object with an applied configuration in it, and take note of whose fields are whose.

        Raises:
            Refusal: 409, where others own fields that the configuration would change.
        """
        owners = self._owned.setdefault(current["metadata"]["uid"], {})
        asked = dict(leaves(wanted))
        have = dict(leaves(current))
        conflicts = [
            (other, path)
            for other, paths in owners.items()
            if other != manager
            for path in asked
            if path in paths and have.get(path) != asked[path]
        ]
        if conflicts and not force:
            raise _conflict(conflicts)
        result = strategic(current, {key: item for key, item in wanted.items() if key != "status"})
        for path in owners.get(manager, {}):
            owned_by_others = any(path in paths for other, paths in owners.items() if other != manager)
            if path not in asked and not owned_by_others:
                result = _without(result, path)
        for other, path in conflicts:
            owners[other].pop(path, None)
        owners[manager] = dict.fromkeys(asked)
        return result


def leaves(resource: Mapping[str, Any]) -> Iterator[tuple[FieldPath, Any]]:
    """Yield the fields of an object that can be owned, each with its value."""
    for key, value in resource.items():
        if key in _UNOWNED:
            continue
        if key == "metadata":
            kept = {name: item for name, item in value.items() if name not in _META_UNOWNED}
            yield from _below(kept, ("metadata",), "metadata")
        else:
            yield from _below(value, (key,), key)


def _below(value: Any, path: FieldPath, name: str) -> Iterator[tuple[FieldPath, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _below(item, (*path, str(key)), str(key))
        return
    key = MERGE_KEYS.get(name, "")
    if isinstance(value, list) and key and all(isinstance(one, Mapping) and key in one for one in value):
        for one in value:
            yield from _below(one, (*path, f"[{key}={one[key]}]"), "")
        return
    yield path, value


def _conflict(conflicts: list[tuple[Manager, FieldPath]]) -> Refusal:
    said = [(manager.text, "".join(_written(key) for key in path)) for manager, path in conflicts]
    listed = "; ".join(f"conflict with {who}: {where}" for who, where in said)
    plural = "conflict" if len(said) == 1 else "conflicts"
    return Refusal(
        409,
        f"Apply failed with {len(said)} {plural}: {listed}",
        details={
            "causes": [
                {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": where}
                for who, where in said
            ]
        },
    )


def _written(key: str) -> str:
    return key if key.startswith("[") else f".{key}"


def _without(value: Any, path: FieldPath) -> Any:
    """Return a value without what stands at a path."""
    key, *rest = path
    if key.startswith("[") and isinstance(value, list):
        name, _, wanted = key[1:-1].partition("=")
        if not rest or rest == [name]:
            return [one for one in value if str(one.get(name)) != wanted]
        return [_without(one, tuple(rest)) if str(one.get(name)) == wanted else one for one in value]
    if not isinstance(value, Mapping) or key not in value:
        return value
    if not rest:
        return {name: item for name, item in value.items() if name != key}
    return {**value, key: _without(value[key], tuple(rest))}
