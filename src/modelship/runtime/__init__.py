"""What makes a bundle runnable: servers, environments, installed packages, a workbench, images."""
