"""Classifiers of two classes: from examples to a candidate that is calibrated, judged and explained."""
