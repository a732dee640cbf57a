// Names of the record headers that AlertCast gives a meaning.

/** Marks a tick (T3): moves the clock, nothing else. */
export const TICK_HEADER = "alertcast-tick";
/** Marks a moved copy (T8): `partition/offset` of the record that was read away from home. */
export const ORIGIN_HEADER = "alertcast-origin";
/** W3C trace context. */
export const TRACEPARENT_HEADER = "traceparent";
