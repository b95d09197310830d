"""Kubernetes objects -> the vLLM servers that their pods, or their operators, start."""
