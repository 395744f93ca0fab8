// What Argo CD would make of an object: runs the health check in deploy/argocd-health.yaml.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LuaFactory } from 'wasmoon';
import { parse } from 'yaml';

export type Health = { status: 'Healthy' | 'Progressing' | 'Degraded' | 'Suspended' | 'Missing' | 'Unknown'; message: string };

/** The scripts, by the key in argocd-cm that Argo CD looks for: `resource.customizations.health.GROUP_KIND`. */
export async function readHealthChecks(): Promise<Map<string, string>> {
  const text = await readFile(join(import.meta.dirname, '../../deploy/argocd-health.yaml'), 'utf8');
  const { data } = parse(text) as { data: Record<string, string> };
  return new Map(Object.entries(data));
}

/** Runs a script on each object as Argo CD does: with the object as `obj`, and nothing of the machine within its reach. */
export async function healthOf(script: string, objects: readonly object[]): Promise<Health[]> {
  const lua = await new LuaFactory().createEngine({ openStandardLibs: true });
  try {
    const healths: Health[] = [];
    for (const object of objects) healths.push((await lua.doString(`local os, io, require = nil, nil, nil\nlocal obj = ${literalOf(object)}\n${script}`)) as Health);
    return healths;
  } finally {
    lua.global.close();
  }
}

/** JSON as a Lua expression: lists begin with 1 there. */
function literalOf(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(literalOf).join(', ')}}`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined && member !== null);
    return `{${members.map(([name, member]) => `[${literalOf(name)}] = ${literalOf(member)}`).join(', ')}}`;
  }
  if (typeof value !== 'string') return String(value);
  return `"${Array.from(Buffer.from(value), (byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`;
}
