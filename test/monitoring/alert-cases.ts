// When each alert fires and when it does not: series of one sample a minute in promtool's notation (start+step x times).

export interface AlertCase {
  /** Series by selector. */
  readonly series: Readonly<Record<string, string>>;
  /** When it is looked at, minutes. */
  readonly atMinute: number;
}

export interface Firing extends AlertCase {
  readonly summary: string;
  /** Besides severity. */
  readonly labels?: Readonly<Record<string, string>>;
}

export interface AlertCases {
  readonly fires: Firing;
  readonly quiet: AlertCase;
  /** By what they are about; those with a summary fire. */
  readonly more?: Readonly<Record<string, AlertCase | Firing>>;
}

const build = (component: string) => `alertcast_build_info{component="${component}",version="1"}`;
const ingest = (code: string) => `alertcast_ingest_duration_seconds_count{source="http",class="${code}"}`;
const batches = (outcome: string) => `alertcast_batches_finished_total{outcome="${outcome}"}`;
const api = (code: string) => `alertcast_api_requests_total{route="/stats",method="GET",class="${code}"}`;
const evaluated = (result: string) => `alertcast_rules_evaluated_total{rule="hot",result="${result}"}`;
const OLDEST = 'alertcast_tickets_unacknowledged_oldest_seconds{severity="critical"}';
const LAG = 'alertcast_partition_lag_seconds{topic="t",partition="3"}';
const HALTED = 'alertcast_partition_halted{topic="t",partition="3"}';
const REJECTED = 'alertcast_events_rejected_total{source="http",code="wrong-type"}';
const RECEIVED = 'alertcast_events_received_total{source="http"}';
const QUARANTINED = 'alertcast_events_quarantined_total{code="invalid-json"}';
const REFUSED = 'alertcast_ruleset_loads_total{outcome="refused"}';
const OPENED = 'alertcast_tickets_opened_total{rule="hot",severity="high"}';
const LEADER = "alertcast_scaler_is_leader";
const success = (scaler: string) => `alertcast_scaler_last_success_timestamp_seconds{scaler="${scaler}"}`;
const DESIRED = 'alertcast_scaler_desired_replicas{scaler="a"}';
const NOT_LOOKED_AFTER = "The number of processors is not looked after";
const LIMITED = 'alertcast_scaler_decisions_total{direction="up",reason="max-replicas"}';
const SCALER_LAG = 'alertcast_scaler_lag_seconds{scaler="a"}';

/** By the alert's name. */
export const ALERT_CASES: Readonly<Record<string, AlertCases>> = {
  AlertCastCriticalUnacknowledged: {
    fires: {
      series: { [OLDEST]: "0+60x30" },
      atMinute: 16,
      summary: "A critical ticket has waited 16m 0s for a person",
    },
    quiet: { series: { [OLDEST]: "0+60x30" }, atMinute: 15 },
  },
  AlertCastDown: {
    fires: {
      series: { [build("api")]: "1x20", [build("ingestor")]: "1x20" },
      atMinute: 4,
      labels: { component: "processor" },
      summary: "No processor answers",
    },
    quiet: {
      series: { [build("api")]: "1x20", [build("ingestor")]: "1x20", [build("processor")]: "1x20" },
      atMinute: 20,
    },
  },
  AlertCastProcessorsBehind: {
    fires: { series: { [LAG]: "61x20" }, atMinute: 6, summary: "Tickets are 1m 1s behind the devices" },
    quiet: { series: { [LAG]: "60x20" }, atMinute: 20 },
  },
  AlertCastPartitionHalted: {
    fires: {
      series: { [HALTED]: "0 0 1x10" },
      atMinute: 3,
      labels: { topic: "t", partition: "3" },
      summary: "Partition 3 of t stands still until a person has looked",
    },
    quiet: { series: { [HALTED]: "0x20" }, atMinute: 20 },
  },
  AlertCastNoEvents: {
    fires: {
      series: { alertcast_events_processed_total: "0+60x1440 86400x40" },
      atMinute: 1470,
      summary: "No event for ten minutes, where there were some a day ago",
    },
    quiet: { series: { alertcast_events_processed_total: "0+60x1480" }, atMinute: 1470 },
  },
  AlertCastIngestFailing: {
    fires: {
      series: { [ingest("5xx")]: "0+3x20", [ingest("2xx")]: "0+97x20" },
      atMinute: 11,
      summary: "3% of the requests that bring events fail",
    },
    quiet: { series: { [ingest("5xx")]: "0+1x20", [ingest("2xx")]: "0+99x20" }, atMinute: 20 },
  },
  AlertCastEventsRejected: {
    fires: {
      series: { [REJECTED]: "0+6x40", [RECEIVED]: "0+100x40" },
      atMinute: 31,
      summary: "6% of the offered events are refused",
    },
    quiet: { series: { [REJECTED]: "0+4x40", [RECEIVED]: "0+100x40" }, atMinute: 40 },
  },
  AlertCastQuarantineGrowing: {
    fires: {
      series: { [QUARANTINED]: "0+20x40" },
      atMinute: 30,
      summary: "300 records became dead letters within 15 minutes",
    },
    quiet: { series: { [QUARANTINED]: "0+6x40" }, atMinute: 40 },
  },
  AlertCastCommitsFailing: {
    fires: {
      series: { [batches("failed")]: "0+6x20", [batches("unknown")]: "0+6x20", [batches("committed")]: "0+99x20" },
      atMinute: 11,
      summary: "Processors cannot commit to PostgreSQL",
    },
    quiet: { series: { [batches("failed")]: "0+5x20", [batches("committed")]: "0+99x20" }, atMinute: 20 },
  },
  AlertCastFencing: {
    fires: {
      series: { [batches("fenced")]: "0+1x40" },
      atMinute: 20,
      summary: "Partitions change owners in the middle of work (15 times in 15 minutes)",
    },
    quiet: { series: { [batches("fenced")]: "0x10 1x30" }, atMinute: 20 },
  },
  AlertCastCountersWrong: {
    fires: {
      series: { 'alertcast_counters_drift_tickets{severity="high"}': "-3x30", alertcast_counters_age_seconds: "1x30" },
      atMinute: 11,
      summary: "The live counters in Redis are stale or differ from PostgreSQL",
    },
    quiet: {
      series: { 'alertcast_counters_drift_tickets{severity="high"}': "0x30", alertcast_counters_age_seconds: "60x30" },
      atMinute: 30,
    },
  },
  AlertCastApiErrors: {
    fires: {
      series: { [api("5xx")]: "0+2x20", [api("2xx")]: "0+98x20" },
      atMinute: 11,
      summary: "2% of the API's answers are server errors",
    },
    quiet: { series: { [api("5xx")]: "0x20", [api("4xx")]: "0+50x20", [api("2xx")]: "0+50x20" }, atMinute: 20 },
  },
  AlertCastRuleBlind: {
    fires: {
      series: { [evaluated("unknown")]: "0+30x90", [evaluated("true")]: "0+1x90", [evaluated("false")]: "0+69x90" },
      atMinute: 70,
      labels: { rule: "hot" },
      summary: "Rule hot cannot judge 30% of the events",
    },
    quiet: { series: { [evaluated("unknown")]: "0+10x90", [evaluated("false")]: "0+90x90" }, atMinute: 90 },
  },
  AlertCastRulesRefused: {
    fires: {
      series: { [REFUSED]: "0 0 1x20" },
      atMinute: 5,
      summary: "A stored rule set cannot be run by this version",
    },
    quiet: { series: { [REFUSED]: "0x20", 'alertcast_ruleset_loads_total{outcome="applied"}': "0 1x20" }, atMinute: 5 },
  },
  AlertCastTicketStorm: {
    fires: {
      series: { [OPENED]: "0+1x1440 1500+60x30" },
      atMinute: 1450,
      summary: "300 tickets opened within 5 minutes, ten times the day's rate",
    },
    quiet: { series: { [OPENED]: "0+30x1500" }, atMinute: 1450 },
  },
  AlertCastScalerBlind: {
    fires: {
      series: { [success("a")]: "0x20", [DESIRED]: "8x20", [LEADER]: "1x20" },
      atMinute: 10,
      labels: { scaler: "a" },
      summary: NOT_LOOKED_AFTER,
    },
    quiet: { series: { [success("a")]: "0+60x20", [DESIRED]: "8x20", [LEADER]: "1x20" }, atMinute: 20 },
    more: {
      "the operator is dead": {
        series: { [success("a")]: "0+60x10 stale", [DESIRED]: "8x10 stale", [LEADER]: "1x10 stale" },
        atMinute: 16,
        summary: NOT_LOOKED_AFTER,
      },
      "blind from its start": {
        series: { [DESIRED]: "8x20", [LEADER]: "1x20" },
        atMinute: 6,
        labels: { scaler: "a" },
        summary: NOT_LOOKED_AFTER,
      },
      "one blind of two": {
        series: { [success("a")]: "0+60x30", [success("b")]: "0+60x5 300x25", [LEADER]: "1x30" },
        atMinute: 14,
        labels: { scaler: "b" },
        summary: NOT_LOOKED_AFTER,
      },
      "two leaders": {
        series: { [success("a")]: "0+60x20", [`${LEADER}{pod="x"}`]: "1x20", [`${LEADER}{pod="y"}`]: "1x20" },
        atMinute: 6,
        summary: NOT_LOOKED_AFTER,
      },
      "a leader and a stand-by": {
        series: { [success("a")]: "0+60x20", [`${LEADER}{pod="x"}`]: "1x20", [`${LEADER}{pod="y"}`]: "0x20" },
        atMinute: 20,
      },
      "paused on purpose": {
        series: { [success("a")]: "0+60x10 stale", [DESIRED]: "8x10 stale", [LEADER]: "1x40" },
        atMinute: 40,
      },
      "paused from its start": { series: { [LEADER]: "1x40" }, atMinute: 40 },
      "one paused, the other seen": {
        series: { [success("a")]: "0+60x10 stale", [success("b")]: "0+60x40", [LEADER]: "1x40" },
        atMinute: 40,
      },
    },
  },
  AlertCastScalerAtLimit: {
    fires: {
      series: { [LIMITED]: "0+1x60", [SCALER_LAG]: "45x60" },
      atMinute: 35,
      summary: "More processors are needed than maxReplicas allows",
    },
    quiet: { series: { [LIMITED]: "0+1x60", [SCALER_LAG]: "20x60" }, atMinute: 60 },
  },
};
