"""The shipped scenarios, workflows and cluster profiles."""
