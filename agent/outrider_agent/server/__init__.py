"""The HTTP side: control over the unix socket, later the API and the portal."""
