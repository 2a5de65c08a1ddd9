"""Bundles of models: their files and manifest, scorers, champion, candidates and archive, comparison, promotion."""
