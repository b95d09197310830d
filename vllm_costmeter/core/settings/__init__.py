"""Every setting of the meter, once."""
