"""The dashboard's files: a page, styles and ES modules that run in the browser as they are; nothing is built."""
