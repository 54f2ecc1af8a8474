"""The ruler: the protocols that judge meshes, and the tables that come of it. Light to import, no torch."""
