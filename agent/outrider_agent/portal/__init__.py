"""The portal: web pages and the HTTP API over a store, on loopback. docs/api.md is what it promises."""
