"""How the pipeline is doing: what storage knows of it, and what it asks the producer."""
