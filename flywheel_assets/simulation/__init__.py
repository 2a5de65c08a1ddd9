"""A world whose truth is known: what it is, samples drawn from it, and the best possible classifiers of them."""
