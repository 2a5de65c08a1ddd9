"""Will this session convert? What is known of each session at an early moment, and whether it converts later on."""
