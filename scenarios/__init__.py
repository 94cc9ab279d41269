"""Scenario files: read with errors that point at line and column, swept, and compiled into `RunSpec`s."""

from scenarios.compile import compile, with_parameter  # noqa: A004 - the verb of the door
from scenarios.errors import Problem, ScenarioError
from scenarios.instantiate import instantiate
from scenarios.load import load
from scenarios.metrics import METRICS, Metric, find_metric
from scenarios.node_counts import node_knobs
from scenarios.parameters import CATALOGUE, Parameter
from scenarios.pinned import pinned
from scenarios.provenance import ParameterRow, parameter_rows
from scenarios.reference import json_schema, parameters_markdown, reference_markdown
from scenarios.resolved import resolved_yaml as to_yaml
from scenarios.runspec import (
    ClusterSpec,
    EngineSpec,
    LoadSpec,
    RunSpec,
    SignalSpec,
    TargetsSpec,
    WorkloadSpec,
)
from scenarios.scenario import Scenario
from scenarios.schema import Comparison, Sensitivity, Target
from scenarios.shipped import shipped
from scenarios.sweep import Point

__all__ = [
    "CATALOGUE",
    "METRICS",
    "ClusterSpec",
    "Comparison",
    "EngineSpec",
    "LoadSpec",
    "Metric",
    "Parameter",
    "ParameterRow",
    "Point",
    "Problem",
    "RunSpec",
    "Scenario",
    "ScenarioError",
    "Sensitivity",
    "SignalSpec",
    "Target",
    "TargetsSpec",
    "WorkloadSpec",
    "compile",
    "find_metric",
    "instantiate",
    "json_schema",
    "load",
    "node_knobs",
    "parameter_rows",
    "parameters_markdown",
    "pinned",
    "reference_markdown",
    "shipped",
    "to_yaml",
    "with_parameter",
]
