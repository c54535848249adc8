"""What happens in the shop: each flow is a function that tells a `Journey` what the services log, in order."""
