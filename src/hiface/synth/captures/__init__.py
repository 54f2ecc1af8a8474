"""Generated captures of detail: neutral, compressed and stretched displacement maps of people who do not
exist."""
