"""How long logs are kept: whole days of them are archived and dropped, the oldest first."""
