"""The target ``online-endpoint``: managed online endpoints of an Azure ML workspace."""

from modelship.on_first_use import names_from

__all__ = ["OnlineEndpointBackend"]

__getattr__, __dir__ = names_from(__name__, {"endpoint_backend": ["OnlineEndpointBackend"]})
