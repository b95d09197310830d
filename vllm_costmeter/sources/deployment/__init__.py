"""Deployment files (Kubernetes, Compose) -> the vLLM servers that they start, each with its place in the file."""

from vllm_costmeter.sources.deployment.read import servers_in
from vllm_costmeter.sources.deployment.server import DeclaredServer

__all__ = ["DeclaredServer", "servers_in"]
