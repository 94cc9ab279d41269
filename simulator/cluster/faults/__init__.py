"""Faults that a scenario lets happen: when, what they do to the cluster, and until when it is not whole."""
