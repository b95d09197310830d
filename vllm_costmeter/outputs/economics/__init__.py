"""Results of the economics commands as text, Markdown, JSON and plots."""
