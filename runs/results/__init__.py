"""The results of a test: files, names, and the page that shows them."""
