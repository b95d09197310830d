"""One file per family of architectures: which parts a model is built of, read from vLLM's model code."""
