"""Blob stores: the bytes of artifacts, by their sha256."""
