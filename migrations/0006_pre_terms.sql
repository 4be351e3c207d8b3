-- What decides about each recipient of a message at the last moment, besides whom it is for and what it says.
--
-- Locks: ACCESS EXCLUSIVE for a moment; a constant default rewrites nothing. A version that does not know the column goes
-- on writing messages without terms.

ALTER TABLE messages ADD terms jsonb NOT NULL DEFAULT '{}';
