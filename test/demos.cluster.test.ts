// The programs that show what Cambio does: each is run as `npm run quickstart`, `demo:cluster` and `demo:kubectl` run it, to its end.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, inject, test } from 'vitest';

const examples = join(import.meta.dirname, '../examples');

const run = async (demo: string): Promise<string> => (await promisify(execFile)(process.execPath, [join(examples, demo, 'run.ts')])).stdout;

/** What each has to show, in this order. */
const demos: readonly [demo: string, ...shown: RegExp[]][] = [
  ['quickstart', /200 +\{"access_token"/, /client_id +payments\/deployer/, /400 +\{"error":"invalid_request"/, /"check":"subject"/],
  ['cluster', /system:serviceaccount:payments:api/, /kubectl delete pod api/, /refused after/, /"check":/],
  [
    'kubectl',
    /build +https:\/\/kubernetes\.default\.svc\.cluster\.local +kubernetesDiscovery +1 +True/,
    /Unauthorized/,
    /Username +cambio:demo-ci:repo:acme\/payments:environment:prod/,
    /Forbidden/,
    /Username +cambio:build:system:serviceaccount:ci:runner/,
    /"check":"subject"/,
    /"check":"client"/,
  ],
];

describe.skipIf(!inject('cluster').available)('each shows what it is there to show', () => {
  test.each(demos)('%s', async (demo, ...shown) => {
    let rest = await run(demo);
    for (const part of shown) {
      const found = part.exec(rest);
      expect(found, `${String(part)} in:\n${rest}`).not.toBeNull();
      rest = rest.slice((found?.index ?? 0) + (found?.[0].length ?? 0));
    }
  });
});
