"""Score much data with a bundle, on this machine or on many, and account for every row."""
