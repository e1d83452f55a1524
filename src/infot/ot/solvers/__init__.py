"""Solvers: frozen records that turn a problem into a solution."""
