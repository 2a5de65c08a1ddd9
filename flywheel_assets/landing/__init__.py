"""The landing folder: which files there are, which of them can be used, and landed_sessions, which is made of them."""
