"""`headroom parameters`: every number of the model and the engine, where it comes from, and who set it."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from headroom.errors import HarnessError
from reports import exits
from scenarios import ParameterRow, Scenario, parameter_rows
from scenarios.errors import did_you_mean, one_of
from scenarios.versions import DEFAULT, KNOWN


def select(
    scenario: Scenario | None, prefixes: Sequence[str], version: str | None, *, changed: bool
) -> list[ParameterRow]:
    """Return the rows that are asked for; `HarnessError` for a version or a prefix that means nothing."""
    if version is not None and scenario is not None:
        hint = f"headroom parameters {scenario.name} --set cluster.kubernetes_version={version}"
        raise HarnessError("a scenario has its own Kubernetes version", exits.USAGE, hint)
    if version is not None and version not in KNOWN:
        raise HarnessError(
            f"Kubernetes {version!r} is not modelled", exits.USAGE, f"expected {one_of(KNOWN)}"
        )
    rows = parameter_rows(scenario, version or DEFAULT)
    names = [row.name for row in rows]
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in names):
            parts = [".".join(name.split(".")[:count]) for name in names for count in (1, 2, 3)]
            hint = did_you_mean(prefix, dict.fromkeys(parts)) or f"expected {one_of(dict.fromkeys(parts))}"
            raise HarnessError(f"no parameter begins with '{prefix}'", exits.USAGE, hint)
    chosen = [row for row in rows if not prefixes or row.name.startswith(tuple(prefixes))]
    return [row for row in chosen if row.set_by] if changed else chosen


def show(rows: Sequence[ParameterRow], scenario: Scenario | None, out: Console) -> None:
    """Print the rows: name, value, who set it and what it would be, version and source."""
    table = Table("parameter", "value", "set by", "default", "Kubernetes", "source", box=None)
    for row in rows:
        default = written(row.default) if row.default != row.value else ""
        value = f"{written(row.value)} {row.unit if isinstance(row.value, int | float) else ''}".strip()
        table.add_row(row.name, value, row.set_by, default, row.kubernetes_version, row.source)
    if rows:
        out.print(table)
    count = sum(bool(row.set_by) for row in rows)
    where = f" at the first point of {scenario.name}" if scenario else ""
    out.print(f"{len(rows)} parameters{where}, {count} of them not at the newest default", markup=False)


def written(value: object) -> str:
    """Return a value on one line: `3s`, `true`, `lognormal, median 2ms, sigma 0.9`."""
    if isinstance(value, dict):
        name, *rest = value.items()
        return ", ".join([str(name[1]), *(f"{key} {item}" for key, item in rest)])
    return str(value).lower() if isinstance(value, bool) else str(value)
