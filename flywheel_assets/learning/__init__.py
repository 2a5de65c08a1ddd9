"""Models: artefact bundle, compiling, scoring, training, evaluation, and the sample world they learn from. No Dagster."""
