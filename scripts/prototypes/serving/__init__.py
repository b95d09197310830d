"""Throughput and latency of a server under a load, from its kernels up."""
