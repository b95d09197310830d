"""What idle GPUs would save: tables, a chart, and snippets that act on it."""
