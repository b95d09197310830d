"""Ask an installed vLLM what it loads and caches: the recorded answers that the tests compare with."""
