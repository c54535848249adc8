"""The producer: accepts logs over HTTP and publishes them to the broker."""
