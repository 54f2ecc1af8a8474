"""The paper's figures redrawn with this model, from open photos or one's own."""
