"""The live page: its document and its data."""
