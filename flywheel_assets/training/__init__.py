"""Training a model from labelled rows: who labelled, splits, networks, calibration, metrics, card, tracking."""
