"""What changes in vLLM from release to release: flags, defaults, architectures, refusals."""
