-- name: add
-- A token's name and hash; nothing where the name is taken.
INSERT INTO tokens (name, sha256, scope, created, expires) VALUES (:name, :sha256, :scope, :now, :expires) ON CONFLICT (name) DO NOTHING;

-- name: all
-- Every token there ever was, the oldest first.
SELECT token_key, name, sha256, scope, created, expires, revoked FROM tokens ORDER BY token_key;

-- name: revoke
-- From now on it opens nothing.
UPDATE tokens SET revoked = :now WHERE name = :name AND revoked IS NULL;
