"""The modelled world: engine and actions against a modelled Kubernetes cluster under a virtual clock."""

from simulator.environment import RunResult, simulate

__all__ = ["RunResult", "simulate"]
