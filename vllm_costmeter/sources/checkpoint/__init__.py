"""What a checkpoint says of itself in its headers: bounded reads, and nothing in it is executed."""
