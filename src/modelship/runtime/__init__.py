"""Make a bundle runnable: servers, environments, installed packages, working folders, images."""
