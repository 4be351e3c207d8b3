-- Templates of messages: an app has some hundreds. Locks nothing that exists; takes milliseconds.
--
-- content holds the fields of a message as they were given. What is sent is copied into the message when it is accepted,
-- so that a template can change or go while messages made from it are on their way.

CREATE TABLE templates (
    app_id      int NOT NULL,
    id          bigint NOT NULL,
    name        text NOT NULL,
    content     jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app_id, id),
    UNIQUE (app_id, name)
);
