"""Record what an installed vLLM loads and caches, as reference answers for the tests."""
