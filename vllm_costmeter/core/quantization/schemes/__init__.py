"""The weight layout of each quantization method."""
