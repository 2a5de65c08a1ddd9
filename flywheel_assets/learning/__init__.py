"""Models: artefact bundle, compiling, scoring, training, evaluation, and the sample they learn from. No Dagster."""
