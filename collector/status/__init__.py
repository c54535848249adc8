"""What the collector says of itself: what it counts, its live page, /metrics, /health and /ready."""
