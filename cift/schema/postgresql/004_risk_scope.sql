-- A key of the scope risk reads and changes limits and states, of any account.

ALTER TABLE api_keys
    DROP CONSTRAINT api_keys_scopes_check,
    ADD CONSTRAINT api_keys_scopes_check CHECK (scopes <@ ARRAY['trade', 'read', 'risk'] AND cardinality(scopes) > 0);
COMMENT ON COLUMN api_keys.scopes IS
    'trade: orders and cancels. read: what the account has and did. risk: limits and halts, of every account.';
