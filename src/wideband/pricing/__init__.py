"""Prices to money: which rates apply at an instant, and what a usage costs."""
