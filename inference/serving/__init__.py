"""A server of trained models: a page to draw on, and an HTTP API."""
