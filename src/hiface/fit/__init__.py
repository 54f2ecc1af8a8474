"""Coefficients of photos by optimisation: points, pixels and priors, in place of or after the network's one look."""
