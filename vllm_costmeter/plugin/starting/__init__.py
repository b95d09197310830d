"""From vLLM's flags to its first request: settings, the fit check before weights are read, the workers'
measurements."""
