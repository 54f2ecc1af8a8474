"""Asset files: where they are (`store`) and how they are written and checked (`format`)."""
