"""The history of labels: growth, mixes, shifts, causes, forecasts, links, and the report on it."""
