"""From a picture file to what the network sees: `read` (pixels), `detect` (faces), `crop` (the one crop rule)."""
