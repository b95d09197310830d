"""What was spent, as tables, documents and pictures."""
