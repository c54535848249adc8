"""Fingerprints whose messages differ in words as well, brought together; pure."""
