-- Who may speak to a server (docs/server.md). A token itself is nowhere: only its hash is kept.

CREATE TABLE tokens (
    token_key INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    sha256    TEXT NOT NULL UNIQUE,             -- hex, of the token's text
    scope     TEXT NOT NULL,                    -- all, ship (agents only), read (people only)
    created   INTEGER NOT NULL,
    expires   INTEGER,                          -- NULL: never
    revoked   INTEGER                           -- NULL: it holds
);
