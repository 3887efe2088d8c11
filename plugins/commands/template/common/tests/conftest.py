"""pixlate's fixtures for the tests of plugins."""

pytest_plugins = ["pixlate.plugins.testing"]
