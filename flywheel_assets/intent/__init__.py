"""Intent: features of users, an explained score by rules, its outcomes, a model that learns from them, experiments."""
