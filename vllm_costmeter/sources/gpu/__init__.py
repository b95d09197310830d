"""The GPUs of this machine, and GPUs by name."""
