"""Azure Kubernetes Service in an offline workspace: clusters, services, and endpoints."""
