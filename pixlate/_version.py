"""The version of pixlate, in a module of its own that every other module can import."""

__version__ = "0.1.0"
