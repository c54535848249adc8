"""Where logs go: standard output, a file that rotates, a producer, a broker."""
