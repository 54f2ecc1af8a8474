"""Programs that build the assets from their sources; not shipped in the wheel."""
