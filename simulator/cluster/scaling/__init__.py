"""Node pools and their price, and the cluster autoscaler that lets them grow and shrink."""
