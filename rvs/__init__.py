"""Reverse visual search for faces: a photo in, the people it resembles out."""

__version__ = "0.1.0"
