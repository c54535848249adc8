"""Formats of messages, one a file: which rows are candidates, and what fields are read out of each."""
