"""Clusters of sessions: the fit and its choice of how many, and what it says of each interval."""
