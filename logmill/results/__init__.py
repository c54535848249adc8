"""Files of test results: reading them, carrying them over the broker, and summing them up."""
