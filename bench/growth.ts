export async function growth(_s: unknown, _r: unknown): Promise<void> {}
