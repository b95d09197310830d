"""Who a request belongs to: names, how many are told apart, and how they are shown."""
