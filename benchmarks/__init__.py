"""Morula beside hand-written C: `python -m benchmarks`."""
