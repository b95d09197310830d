"""Compile the GPU catalogue, and compare it with public lists."""
