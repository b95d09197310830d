"""One model as values: its shape, its layers, what each of them remembers."""
