"""Read lists of questions about GPUs."""
