"""Other people's face models as files of ours (docs/face_model_format.md): what `hiface convert-model` calls.

`kinds` reads a source into a `source.SourceModel`; `register` fits our mean face to its mean; `correspondence`,
`units`, `rig`, `points` and `unwrap` carry over what the source lacks; `build` puts the file together.
"""
