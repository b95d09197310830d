"""What changes in vLLM from release to release: its flags, and what stops a start."""
