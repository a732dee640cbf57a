export async function takeOver(_s: unknown, _r: unknown): Promise<void> {}
