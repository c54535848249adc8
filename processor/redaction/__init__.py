"""Finds sensitive text in messages and metadata, and puts something else in its place."""
