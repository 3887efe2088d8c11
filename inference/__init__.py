"""Inference with trained models: the Translator, and loading it from a run's folder or from a network file."""
