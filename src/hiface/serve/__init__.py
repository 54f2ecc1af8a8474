"""The page with an upload: photos in through a browser, pages of faces out, nothing kept."""
