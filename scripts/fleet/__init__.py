"""The Helm chart and the scale of a fleet."""
