"""The face itself: shape and pose (`model`), skin colour (`albedo`), the file they come from (`asset`)."""
