"""Translating files: which are read, what their outputs are called, how these are written, and the record of them."""
