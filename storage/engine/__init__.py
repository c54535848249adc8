"""The engines that can hold the logs; nothing outside this folder knows one by name."""
