"""Deployment files (Kubernetes, Compose) -> the vLLM servers that they start, each with its place in the file."""
