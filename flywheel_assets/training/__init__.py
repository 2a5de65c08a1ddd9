"""Training a model from labelled rows: labels and their source, splits, networks, calibration, metrics, card,
tracking."""
