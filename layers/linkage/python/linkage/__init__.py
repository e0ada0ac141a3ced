"""Privacy-preserving record linkage over encoded records, without servers."""

__version__ = "0.1.0"
