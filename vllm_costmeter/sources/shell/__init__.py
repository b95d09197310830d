"""Shell scripts as a shell runs them, up to what only the machine could tell: nothing is executed."""
