"""The storage service: keeps logs on disk and in memory, and answers questions about them."""
