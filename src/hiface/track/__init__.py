"""A face through a clip: one person, and an expression and a pose for every frame."""
