"""Memory measured at server start, used to correct later checks."""
