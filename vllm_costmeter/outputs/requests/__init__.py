"""What a request cost, as answers and files say it."""
