"""A student beside its teacher: the data that it learns from, and how the two are compared."""
