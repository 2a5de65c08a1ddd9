"""Segments: what sessions are clustered by, how many clusters there are, which is which, and what they are called."""
