"""Informative GANs through optimal transport."""
