"""The live page in the application of vLLM."""
