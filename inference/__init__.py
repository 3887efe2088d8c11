"""Inference with trained models: the Translator, and loading one from a run's folder or a network file."""
