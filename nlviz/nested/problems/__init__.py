"""Which nested problems are in a network, read from outside, and which a log of real writes shows."""
