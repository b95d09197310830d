"""What an hour and a token cost: prices, quotes, terms of ownership, exact money."""
