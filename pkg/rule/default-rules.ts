// The default rule set (R4): the thresholds of the original system. Text only, so that the domain reads no file.

/** A rule file, in YAML. */
export const DEFAULT_RULES = `apiVersion: alertcast/v1
rules:
  - {id: device-offline, severity: critical, when: event.status == "offline", reason: Device offline}
  - id: temperature                     # one ticket that climbs and falls, not two
    levels:
      - {severity: high, when: event.temperature >= 85, recover: event.temperature < 82, reason: "Temperature high: {event.temperature}"}
      - {severity: medium, when: event.temperature >= 75, recover: event.temperature < 72, reason: "Temperature elevated: {event.temperature}"}
  - {id: device-degraded, severity: medium, when: event.status == "degraded", reason: Device degraded}
`;
