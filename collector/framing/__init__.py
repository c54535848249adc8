"""From bytes to events: whole lines, and the lines of one trace as one."""
