"""What is told of a history of labels: growth, mixes, shifts, causes, forecasts, links, and the report of it."""
