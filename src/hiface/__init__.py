"""HiFace: one photo in, a detailed, animatable 3D face out."""

__version__ = "0.1.0"
