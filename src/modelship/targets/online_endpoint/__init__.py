"""The target ``online-endpoint``: managed online endpoints of an Azure ML workspace."""
