"""The network: a backbone that sees, a head that names coefficients."""
