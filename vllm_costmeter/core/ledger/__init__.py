"""What was spent, in a file: its series, rows and sums."""
