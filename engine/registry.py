"""Every action and source of conditions there is: those that ship, and those of installed distributions.

A distribution adds its own by entry points whose names are theirs in workflows, each an `ActionSpec`::

    [project.entry-points."headroom.actions"]
    page_oncall = "acme_headroom:PAGE_ONCALL"

    [project.entry-points."headroom.conditions"]
    error_budget = "acme_headroom:ERROR_BUDGET"

They are loaded once a process, when somebody first asks. One that does not load, or would take the place of
another, is an error that names its distribution: a workflow must not run with less than its author installed.
"""

import inspect
import re
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from types import MappingProxyType
from typing import Final

from engine.actions import CATALOGUE
from engine.actions.conditions import CONDITIONS
from engine.core.action import ActionSpec
from engine.core.errors import EngineError

ACTIONS_GROUP: Final = "headroom.actions"
CONDITIONS_GROUP: Final = "headroom.conditions"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


class RegistryError(EngineError):
    """An installed distribution offers an action or source of conditions that cannot be used."""


def actions() -> Mapping[str, ActionSpec]:
    """Return every action by name; raises `RegistryError`."""
    return MappingProxyType({**CATALOGUE, **_added()[ACTIONS_GROUP]})


def conditions() -> Mapping[str, ActionSpec]:
    """Return every source of conditions by name; raises `RegistryError`."""
    return MappingProxyType({**CONDITIONS, **_added()[CONDITIONS_GROUP]})


def runnable() -> Mapping[str, ActionSpec]:
    """Return all that a host may be told to start: actions and sources of conditions."""
    return MappingProxyType({**actions(), **conditions()})


def distributions() -> dict[str, str]:
    """Return name and version of the distributions that add something, by name."""
    found = {
        one.metadata["Name"]: one.version
        for group in (ACTIONS_GROUP, CONDITIONS_GROUP)
        for _, one in _entries(group)
    }
    return dict(sorted(found.items()))


def reload() -> None:
    """Forget what was loaded: distributions have been installed or removed."""
    _added.cache_clear()


@cache
def _added() -> Mapping[str, Mapping[str, ActionSpec]]:
    """Load what installed distributions add, by group and name."""
    taken = dict.fromkeys((*CATALOGUE, *CONDITIONS), "Headroom itself")
    found: dict[str, dict[str, ActionSpec]] = {}
    for group in (ACTIONS_GROUP, CONDITIONS_GROUP):
        of_group = found[group] = {}
        for entry, distribution in _entries(group):
            who = f"{distribution.metadata['Name']} {distribution.version}"
            where = f"{who}: entry point {entry.name!r} of {group} ({entry.value})"
            _check_name(where, entry.name, taken)
            of_group[entry.name] = _load(where, entry)
            taken[entry.name] = who
    return found


def _entries(group: str) -> list[tuple[metadata.EntryPoint, metadata.Distribution]]:
    """Return the entry points of a group with their distributions, in order of their names."""
    found = [(entry, entry.dist) for entry in metadata.entry_points(group=group) if entry.dist is not None]
    return sorted(found, key=lambda one: (one[1].metadata["Name"], one[0].name))


def _check_name(where: str, name: str, taken: Mapping[str, str]) -> None:
    if not _NAME.fullmatch(name):
        raise RegistryError(
            f"{where}: the name must be lower-case letters, digits and underscores; rename the entry point"
        )
    if name in taken:
        raise RegistryError(f"{where}: {taken[name]} has {name!r} already; rename one, or uninstall it")


def _load(where: str, entry: metadata.EntryPoint) -> ActionSpec:
    try:
        spec = entry.load()
    except Exception as error:
        found = f"{type(error).__name__}: {error}"
        raise RegistryError(f"{where}: cannot be loaded: {found}; mend it, or uninstall it") from error
    if not isinstance(spec, ActionSpec):
        raise RegistryError(
            f"{where}: is of type {type(spec).__name__}; expected an engine.core.action.ActionSpec"
        )
    if spec.name != entry.name:
        raise RegistryError(f"{where}: its spec is named {spec.name!r}; give both the same name")
    for what, function in (("run", spec.run), ("rollback", spec.rollback)):
        if function is not None and not inspect.iscoroutinefunction(function):
            raise RegistryError(f"{where}: its {what} is no coroutine function; write it with 'async def'")
    return spec
