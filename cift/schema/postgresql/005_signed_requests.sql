-- Keys that sign requests instead of being sent with them. What signs is made of the key one way, and is not the hash:
-- who reads this table can sign for those keys, and no other row lets anybody in.

ALTER TABLE api_keys
    ADD COLUMN signing_secret bytea CHECK (octet_length(signing_secret) = 32),
    ADD COLUMN must_sign boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT api_keys_must_sign_can CHECK (NOT must_sign OR signing_secret IS NOT NULL);
COMMENT ON COLUMN api_keys.signing_secret IS 'HMAC-SHA256 of ''cift request signing 1'' under the key; none: the key can only be sent.';
COMMENT ON COLUMN api_keys.must_sign IS 'Whether the key is refused where it is sent instead of signing.';
