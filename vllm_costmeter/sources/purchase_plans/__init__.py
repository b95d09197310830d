"""Parse plans to rent or buy GPUs, from the command line or a file."""
