"""Call a service from Python, or generate clients from its description."""
