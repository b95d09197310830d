"""How each quantization method lays out a weight."""
