"""Throughput and latency of a server under load, modelled from its kernels up."""
