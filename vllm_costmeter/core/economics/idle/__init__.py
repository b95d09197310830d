"""What idle GPUs would save under other ways of running them, and whom that would delay."""
