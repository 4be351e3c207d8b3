-- Recall: which message takes this one back, and how many a large one was planned for (its devices spread their receipts).
--
-- Locks: ACCESS EXCLUSIVE on messages for a moment; columns without a default rewrite nothing.

ALTER TABLE messages
    ADD COLUMN IF NOT EXISTS recalled_by  bigint,  -- NULL: nobody recalled it
    ADD COLUMN IF NOT EXISTS recipients   int;     -- NULL: few, or planned by an older version
