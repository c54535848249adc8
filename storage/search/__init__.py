"""What a person asks for, as a tree of filters, and its two readings: SQL for the engine, masks for memory."""
