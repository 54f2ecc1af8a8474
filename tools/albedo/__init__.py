"""What `tools/build_albedo.py` is made of: light in skin, the photographic skins, tiles, feature families, modes."""
