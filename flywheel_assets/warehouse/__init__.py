"""Where tables live: engines, whole files, locks, the folder of a warehouse, CSV copies."""
