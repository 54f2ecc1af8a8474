"""Builds the face model asset from ICT-FaceKit; see build_face_model.py."""
