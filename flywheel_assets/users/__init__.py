"""Users of an interval: user_distributions, user_labels, label_transitions, enriched_export, and the explanation of a
label."""
