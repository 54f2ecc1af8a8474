"""Synthetic faces with exact ground truth: people, light, hair, things, camera; pictures and tar shards of them."""
