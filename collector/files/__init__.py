"""Files that are followed: which there are, which is which after a rotation, and the bytes that come."""
