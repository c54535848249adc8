"""The generator: makes logs as five services of a shop would write them."""
