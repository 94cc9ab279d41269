"""The modelled Kubernetes cluster, one component a file."""

from simulator.cluster.cluster import Cluster

__all__ = ["Cluster"]
