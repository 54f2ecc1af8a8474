"""The differentiable renderer: rasterise, interpolate, texture, light and outlines as operators, and `Renderer`."""
