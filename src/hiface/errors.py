"""Errors that a user can act on: what was expected, what came, what to do."""

from __future__ import annotations


class HiFaceError(Exception):
    """Base of every error that HiFace raises on purpose; its message is one line, fit to show to a user."""


class AssetError(HiFaceError):
    """An asset or a weight file is missing, damaged, of another version, or does not fit its neighbour."""


class PhotoError(HiFaceError):
    """A photo cannot be read or used."""


class NoFaceError(PhotoError):
    """A photo was read but no face was found in it."""


class MeshError(HiFaceError):
    """A mesh file or array is malformed, or has another topology than expected."""


class ConfigError(HiFaceError):
    """A configuration, an option or an argument contradicts itself or names something unknown."""


class OutputError(HiFaceError):
    """A result cannot be written where it was asked for."""
