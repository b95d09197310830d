"""The quantization that a checkpoint's files state."""
