"""Using a trained model: translators, and loading them from run folders and files."""
