"""The differentiable renderer as separate operators (rasterise, interpolate, texture, light) and `Renderer`."""
