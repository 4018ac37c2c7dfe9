"""Deploy a model without code: generate its script and its environment."""
