"""The rules by which logs are redacted, parsed, tagged, scored and watched: shipped ones, and an operator's own."""
