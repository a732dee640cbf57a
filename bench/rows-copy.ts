export async function copyRate(_s: unknown, _r: unknown): Promise<void> {}
