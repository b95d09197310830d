"""`costmeter exporter`: servers that are read from outside, put together from the rooms."""
