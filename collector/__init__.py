"""The collector: follows files, and ships their lines to the producer."""
