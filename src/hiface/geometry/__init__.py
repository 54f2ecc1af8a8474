"""Geometry as pure functions: cameras, rotations, normals, skinning, topology, tension, UV atlases, surfaces."""
