"""The modelled cluster behind the Kubernetes HTTP API: `headroom serve`."""
