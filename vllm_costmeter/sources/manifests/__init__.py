"""Deployment files (Kubernetes, Compose) -> the vLLM servers that they start, each with its position in the file."""
