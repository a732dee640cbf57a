export async function latency(_s: unknown, _r: unknown): Promise<void> {}
