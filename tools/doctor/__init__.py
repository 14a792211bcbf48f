"""`signet doctor`: what is wrong here, on a board, on the way to its cloud; how to mend it."""
