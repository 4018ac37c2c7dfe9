"""The data of an offline workspace: its storage account, datastores, datasets and secrets."""
