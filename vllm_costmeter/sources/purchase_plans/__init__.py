"""Plans to rent or buy, as people write them."""
