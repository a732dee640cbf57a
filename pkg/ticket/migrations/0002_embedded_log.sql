-- The event log of installations without Kafka: an append-only topic of partitions, stamped by the database's clock.

CREATE TABLE log_topic (
  topic text PRIMARY KEY,
  -- Fixed when the topic is first used.
  partitions integer NOT NULL CHECK (partitions >= 1),
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Locked by whoever appends to the partition, so offsets become visible in order and without gaps.
CREATE TABLE log_partition (
  topic text NOT NULL REFERENCES log_topic (topic),
  partition integer NOT NULL,
  -- Oldest offset that was not trimmed.
  start_offset bigint NOT NULL DEFAULT 0,
  -- The next record's offset.
  next_offset bigint NOT NULL DEFAULT 0,
  last_append_ms bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (topic, partition)
);

CREATE TABLE log_record (
  topic text NOT NULL,
  partition integer NOT NULL,
  record_offset bigint NOT NULL,
  append_time_ms bigint NOT NULL,
  key bytea,
  -- NULL = a null value; empty = an empty one.
  value bytea,
  -- JSON object of strings, as text: NUL and lone surrogates stay escaped.
  headers text NOT NULL,
  PRIMARY KEY (topic, partition, record_offset)
);

-- For lag only; nothing is resumed from here.
CREATE TABLE log_commit (
  consumer_group text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  next_offset bigint NOT NULL,
  metadata text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer_group, topic, partition)
);
