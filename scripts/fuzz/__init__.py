"""`make fuzz`: every reader of foreign input under mutated real files, within bounds of time and memory."""
