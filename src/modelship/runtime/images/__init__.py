"""Building the images of a Docker engine: any target may have one built."""
