"""Morula compiles plain Python functions to native code and differentiates them, to any order."""
