-- Lists by status, by severity and by both are read as one branch per (status, severity): one index serves all three.
CREATE INDEX ticket_by_state ON ticket (status, severity, created_at DESC, id DESC);
DROP INDEX ticket_by_status;
DROP INDEX ticket_by_severity;

-- What of a rule is not resolved yet, however much of it is.
CREATE INDEX ticket_unresolved_by_rule ON ticket (rule_id, created_at DESC, id DESC) WHERE status <> 'resolved';
