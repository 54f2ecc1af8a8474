"""HiFace in a browser alone: the network and the models as files, and a page that needs no server to work."""
