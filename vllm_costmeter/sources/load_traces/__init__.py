"""Recorded loads: arrival times and lengths of requests."""
