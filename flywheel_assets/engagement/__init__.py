"""The probability that a user engages: with an item, from their earlier interactions, and in the next interval."""
