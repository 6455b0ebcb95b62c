"""Moyai (もやい): the data-linkage platform that prefectures and municipalities share."""

__version__ = "0.1.0"
