"""From vLLM's flags to its first request: settings, the fit check before weights are read, what the workers found."""
