"""Work cut into jobs: here one after another, or on the machines of a Ray cluster."""
