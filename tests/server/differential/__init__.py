"""The differential suite: the same requests to azmlinfsrv and to our server."""
