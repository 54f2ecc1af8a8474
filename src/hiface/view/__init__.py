"""The page: one face as a single HTML file that opens anywhere and asks nothing of a network."""
