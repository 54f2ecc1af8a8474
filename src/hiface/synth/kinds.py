"""Choices of the generator, by name."""

from __future__ import annotations

from typing import Literal

Truth = Literal["mask", "parts", "full"]
"""What is recorded beside picture, skin mask and fields: nothing, the part map, or all that is known."""
Ingredient = Literal["hair", "occluders", "hdri", "degradation"]
"""What can be left out of samples."""
Layer = Literal["picture", "parts", "depth", "normals", "albedo"]
"""What a contact sheet can show of a sample."""
