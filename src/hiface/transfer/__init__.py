"""Detail on other people's meshes (docs/detail_on_meshes.md).

`meshes` reads them, `correspond` registers a template with our face and `file` keeps what it found; `unpose` finds
identity, expression and pose in a mesh's geometry on our topology; `fine` and `bake` bring displacement back to the
mesh's own surface and UVs; `decorate` puts it together.
"""
