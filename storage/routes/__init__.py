"""The HTTP interface of storage, one blueprint a concern."""
