"""What exact mode puts in the place of a GPU, of other ranks and of compiled code."""
