"""A language model and the towers through which it sees or hears."""
