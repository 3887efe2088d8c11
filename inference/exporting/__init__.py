"""Exports of trained generators: ONNX, torch.export, safetensors, and a folder for the browser."""
