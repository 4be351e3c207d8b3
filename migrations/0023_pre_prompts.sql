-- How visitors are asked, and what they answered.
--
-- `opt_ins` holds sums, a row for each prompt, variant, page and browser of a day; an app's rows lie in its home bucket,
-- as a day has a few thousand of them at most. They belong to the prompt as it was since `began_at`.
--
-- Locks: none on tables that are in use.

CREATE TABLE prompts (
    app_id      int NOT NULL,
    slug        text NOT NULL,
    definition  jsonb NOT NULL,
    is_active   boolean NOT NULL,
    priority    int NOT NULL,
    began_at    timestamptz NOT NULL DEFAULT now(),   -- since when visitors see it as it is
    decide_at   timestamptz,                          -- when the best of its variants is looked for
    winner      smallint,                             -- the place of a variant
    decided_by  text,
    decided_at  timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app_id, slug)
);

CREATE INDEX prompts_undecided ON prompts (decide_at) WHERE winner IS NULL AND decide_at IS NOT NULL;

CREATE TABLE opt_ins (
    app_id        int NOT NULL,
    bucket        smallint NOT NULL,
    day           date NOT NULL,
    prompt        text NOT NULL,               -- '': the browser was asked without one
    began_at      timestamptz NOT NULL,        -- of the prompt
    variant       text NOT NULL,
    page          text NOT NULL,               -- '': one of too many
    browser       text NOT NULL,
    asked         int NOT NULL DEFAULT 0,
    yes           int NOT NULL DEFAULT 0,
    dismissed     int NOT NULL DEFAULT 0,
    granted       int NOT NULL DEFAULT 0,
    denied        int NOT NULL DEFAULT 0,
    blocked_help  int NOT NULL DEFAULT 0,
    ios_guide     int NOT NULL DEFAULT 0,
    PRIMARY KEY (app_id, bucket, day, prompt, began_at, variant, page, browser)
);

CREATE INDEX opt_ins_by_day ON opt_ins (day);
