"""The running meter: a thread that charges and publishes once a second."""
