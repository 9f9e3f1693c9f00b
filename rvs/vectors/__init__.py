"""Nearest neighbours: one seam, several indexes."""
