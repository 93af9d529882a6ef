"""Measurements that stand behind the project's numbers: ``python -m benchmarks.NAME --help``.

Each prints a markdown table. Footage is given on the command line, or drawn when none is.
"""
