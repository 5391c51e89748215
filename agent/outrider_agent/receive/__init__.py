"""The receiving end of a server: slices of many agents into one store, blobs in parts. docs/server.md specifies the wire."""
