"""Kept for tools that ask for it; everything that is said of the package stands in pyproject.toml."""

from setuptools import setup

setup()
