"""HTTP requests on their way through vLLM: whose they are and what they cost."""
