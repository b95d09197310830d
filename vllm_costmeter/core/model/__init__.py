"""One model as values: its sizes, its weights and its layers with their caches."""
