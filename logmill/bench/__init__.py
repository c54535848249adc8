"""The load test: `logmill bench`, for any installation that runs."""
