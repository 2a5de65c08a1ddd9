"""What is told of a history of labels: growth, mixes, shifts, forecasts, links, causes. A module a table."""
