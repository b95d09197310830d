"""Make `.venv` with a real vLLM and what the tests need."""
