"""The running meter: a thread that looks once a second, charges and publishes."""
