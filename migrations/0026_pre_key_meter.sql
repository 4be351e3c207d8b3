-- When a key became the one for new subscriptions, so that it can be told who came over to it since. A key per row, some
-- hundred at most for an app: takes milliseconds, under a lock that nobody notices.

ALTER TABLE credentials ADD COLUMN current_at timestamptz;
UPDATE credentials SET current_at = created_at WHERE is_current;
