"""Bundles as data: broken ones, each with the finding that it is for, and good ones."""
