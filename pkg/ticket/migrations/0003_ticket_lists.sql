-- Lists by a filter. Their time is written (created_at AT TIME ZONE 'UTC'), the same order as created_at: with the plain
-- column the planner may walk ticket_newest and drop what does not match, which is slow for a filter whose rows are old.

-- By status, by severity and by both are read as one branch per (status, severity): one index serves all three.
DROP INDEX ticket_by_status;
DROP INDEX ticket_by_severity;
CREATE INDEX ticket_by_state ON ticket (status, severity, (created_at AT TIME ZONE 'UTC') DESC, id DESC);

DROP INDEX ticket_by_device;
CREATE INDEX ticket_by_device ON ticket (device_id, (created_at AT TIME ZONE 'UTC') DESC, id DESC);

DROP INDEX ticket_by_rule;
CREATE INDEX ticket_by_rule ON ticket (rule_id, (created_at AT TIME ZONE 'UTC') DESC, id DESC);
-- What of a rule is not resolved yet, however much of it is.
CREATE INDEX ticket_unresolved_by_rule ON ticket (rule_id, (created_at AT TIME ZONE 'UTC') DESC, id DESC)
  WHERE status <> 'resolved';

DROP INDEX dead_letter_by_code;
CREATE INDEX dead_letter_by_code ON dead_letter (code, (created_at AT TIME ZONE 'UTC') DESC, id DESC);
