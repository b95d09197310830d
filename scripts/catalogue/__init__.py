"""The GPU catalogue: compiled, and compared with public lists."""
