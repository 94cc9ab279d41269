"""Where every number of a run comes from: its value, its source, its Kubernetes version, and who set it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from scenarios.compile import at_point
from scenarios.compile import compile as compile_point
from scenarios.engine_limits import ENGINE_NUMBERS, EngineNumber
from scenarios.engine_presets import CLIENT_PRESETS, ENGINE_PRESETS, Given
from scenarios.engine_schema import Engine
from scenarios.parameters import CATALOGUE, defaults
from scenarios.problems import validated
from scenarios.runspec import ClusterSpec
from scenarios.scenario import Scenario
from scenarios.schema import ScenarioFile
from scenarios.versions import DEFAULT, FEATURES


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """One number. Values are as a file writes them; `set_by` is empty where the newest default holds."""

    name: str
    path: str  # where a scenario sets it
    value: Any
    default: Any  # in this version of Kubernetes
    unit: str
    source: str  # of the default, or of a preset's value
    kubernetes_version: str  # since when it is so, or where it was measured
    set_by: str
    summary: str

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return asdict(self)


def parameter_rows(scenario: Scenario | None = None, version: str = DEFAULT) -> list[ParameterRow]:
    """Return every parameter: the defaults of a version, or what holds at the first point of a scenario."""
    cluster = compile_point(scenario, scenario.points()[0], 0).cluster if scenario else None
    at = cluster.kubernetes_version if cluster else version
    return [*_of_cluster(cluster, at), *_of_version(at), *_of_engine(scenario)]


def _of_cluster(cluster: ClusterSpec | None, version: str) -> Iterator[ParameterRow]:
    standard = defaults(version)
    values: Mapping[str, Any] = cluster.parameters if cluster else standard
    for name, entry in CATALOGUE.items():
        by_version = f"Kubernetes {version}" if standard[name] != entry.value else ""
        yield ParameterRow(
            name=name,
            path=f"cluster.parameters.{name}",
            value=entry.format(values[name]),
            default=entry.format(standard[name]),
            unit=entry.unit,
            source=entry.source_at(version),
            kubernetes_version=entry.since(version),
            set_by=(cluster.overrides.get(name) if cluster else None) or by_version,
            summary=entry.summary,
        )


def _of_version(version: str) -> Iterator[ParameterRow]:
    for feature in FEATURES:
        has = feature.at(version)
        yield ParameterRow(
            name=feature.name,
            path="cluster.kubernetes_version",
            value=has,
            default=True,
            unit="",
            source=feature.source,
            kubernetes_version=f"{feature.since}+" if has else f"before {feature.since}",
            set_by="" if has else f"Kubernetes {version}",
            summary=feature.summary,
        )


def _of_engine(scenario: Scenario | None) -> Iterator[ParameterRow]:
    engine = _first_engine(scenario) if scenario else Engine()
    values = engine.model_dump(by_alias=True)
    for entry in ENGINE_NUMBERS:
        value: Any = values
        for key in entry.path.split("."):
            value = value[key]
        setter, source = _setter(scenario, entry) if scenario and value != entry.value else ("", "")
        yield ParameterRow(
            name=entry.name,
            path=entry.name,
            value=value,
            default=entry.value,
            unit=entry.unit,
            source=source or entry.source,
            kubernetes_version="",
            set_by=setter,
            summary=entry.summary,
        )


def _first_engine(scenario: Scenario) -> Engine:
    first = scenario.points()[0]
    document = at_point(scenario.document, first.coordinates, scenario.sweep.paths)
    return validated(ScenarioFile, document).engine


def _setter(scenario: Scenario, entry: EngineNumber) -> tuple[str, str]:
    """Return who set a number of the engine, and the source of the value if a preset gave it."""
    swept = [path for path in scenario.sweep.paths if path.startswith("engine")]
    if any(entry.name == path or entry.name.startswith(f"{path}.") for path in swept):
        return "sweep", ""
    written = scenario.document.data.get("engine") or {}
    outer, _, inner = entry.path.partition(".")
    part = written.get(outer)
    if part is not None and (not inner or (isinstance(part, dict) and inner in part)):
        return _who(scenario, ("engine", *entry.path.split("."))), ""
    named = str(part.get("preset") if isinstance(part, dict) else part)
    if named in CLIENT_PRESETS:
        return f"client preset {named}", _source(CLIENT_PRESETS[named], entry.path)
    preset = str(written.get("preset"))
    if "engine.preset" in swept or preset not in ENGINE_PRESETS:
        return "sweep", ""
    return f"preset {preset}", _source(ENGINE_PRESETS[preset], entry.path)


def _source(rows: tuple[Given, ...], path: str) -> str:
    return next((row.source for row in rows if row.path == path), "")


def _who(scenario: Scenario, place: tuple[str, ...]) -> str:
    return "--set" if scenario.document.mark(place).source.startswith("--set") else "scenario"
