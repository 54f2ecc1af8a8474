"""Training: configuration, data, objective, teachers, loop and checkpoints."""
