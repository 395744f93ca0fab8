// How long `cambio check` takes for many documents: npm run --silent build && node test/bench/measure-check.ts [documents] [rounds]
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { clientIdAt, writeManifests } from './write-manifests.ts';

const [documents = 10_000, rounds = 3] = process.argv.slice(2).map(Number);
const main = join(import.meta.dirname, '../../dist/cambio.js');
const dir = await mkdtemp(join(tmpdir(), 'cambio-check-bench-'));
try {
  const { publicKey } = await generateKeyPair('RS256', { modulusLength: 2048 });
  await writeManifests(dir, await exportJWK(publicKey), documents - 1);
  const namespaces = new Set(Array.from({ length: documents }, (_, index) => clientIdAt(index).split('/')[0]));
  const args = [main, 'check', dir, '--trusted-namespaces', [...namespaces].join(',')];
  const seconds = Array.from({ length: rounds }, () => {
    const start = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
    if (status !== 0) throw new Error(`cambio check ended with ${status}: ${stderr}`);
    return (performance.now() - start) / 1000;
  });
  const sorted = seconds.toSorted((a, b) => a - b);
  process.stdout.write(`${documents} documents: ${sorted[Math.floor(rounds / 2)]?.toFixed(1)} s (${sorted.map((value) => value.toFixed(1)).join(', ')}), Node ${process.version}, ${cpus().length} cores\n`);
} finally {
  await rm(dir, { recursive: true, force: true });
}
