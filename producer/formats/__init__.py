"""What the producer understands: one protocol or body format a file."""
