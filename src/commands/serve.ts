// `cambio serve`: the only place where everything meets. It reads the manifests, keeps the policy, and answers requests.
import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { pino, type Logger } from 'pino';
import { openAuditLog } from '../audit/audit-log.ts';
import { exchangeToken } from '../exchange/exchange-token.ts';
import type { ExchangeEffects } from '../exchange/effects.ts';
import { createExampleRunner } from '../exchange/run-examples.ts';
import { createAdminApp } from '../http/admin-app.ts';
import { createApp } from '../http/app.ts';
import { limitsFor, listen, listenTls, type Limits, type Listening } from '../http/listen.ts';
import { createSigner, makeSigningKeys, publicJwks, readSigningKeys, type SigningKey } from '../keys/signing-keys.ts';
import { loadSigningKeysDir } from '../keys/signing-keys-dir.ts';
import type { PolicySnapshot } from '../policy/policy.ts';
import { createPolicyStore, emptySnapshot, type PolicyStore, type Verdict } from '../policy/policy-store.ts';
import { openCertificate, type Certificate } from './certificate.ts';
import { openIssuerKeys, withIssuerKeys } from './issuer-keys.ts';
import { createIssuersWithoutKeys } from './issuers-without-keys.ts';
import { createVerdictLog } from './log-verdicts.ts';
import type { Address } from './option-values.ts';
import { readProxy } from './proxy.ts';
import { checkServeOptions, tlsFiles, type ServeOptions } from './serve-options.ts';
import { openSource } from './sources.ts';
import { tellingVerdicts } from './tell-verdicts.ts';

/** For how long requests in flight may go on after the end has begun, in milliseconds. */
const drain = 25_000;

/** Runs until `stop` is aborted. @returns the exit code */
export async function runServe(options: ServeOptions, stop: AbortSignal): Promise<number> {
  const { proxy, mistake } = readProxy(process.env);
  const { issuerURL, mistakes } = checkServeOptions(options, proxy);
  if (mistake !== undefined) mistakes.push(mistake);
  if (mistakes.length > 0) {
    process.stderr.write(`${mistakes.join('\n')}\nSee cambio serve --help.\n`);
    return 2;
  }
  const log = pino({ level: options['log-level'], base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }));
  const work = new AbortController();
  const source = openSource(options, log, work.signal, stop);
  let store: PolicyStore | undefined;
  const snapshot = (): PolicySnapshot => store?.snapshot() ?? emptySnapshot;
  const logVerdicts = createVerdictLog(log);
  const withoutKeys = createIssuersWithoutKeys();
  let publish: (verdicts: readonly Verdict[]) => void = () => undefined;
  const clusterKeys = { kubernetesDiscovery: source.fetchClusterKeys, tokenReview: source.fetchClusterKeys };
  const issuerKeys = openIssuerKeys(options, proxy, clusterKeys, (name, revision, state) => publish(store?.setKeyState(name, revision, state) ?? []), log);
  const keys = await loadSigningKeys(options['signing-keys-dir'], log);
  const files = tlsFiles(options);
  const certificate = files && (await openCertificate(files, Date.now, log));
  const audit = openAuditLog(options['audit-log'], Date.now);
  const effects: ExchangeEffects = {
    policy: snapshot,
    now: () => Date.now() / 1000,
    newId: randomUUID,
    reviewToken: source.reviewToken,
    issuerKeys,
    sign: createSigner(() => keys),
    settings: {
      issuerURL,
      maxLifetimeSeconds: Math.floor(options['max-lifetime'] / 1000),
      signingAlgorithm: options['default-signing-algorithm'],
    },
  };
  if (options['explain-denials']) log.warn('--explain-denials is on: callers are told exactly why they are denied; never use this in production');

  const app = createApp({
    issuerURL,
    jwksURI: options['jwks-uri'],
    jwks: () => publicJwks(keys),
    token: {
      exchange: (request, record) => exchangeToken(request, record, effects),
      audit,
      onBug: (error, requestId) => log.error({ err: error, requestId }, 'a bug: the request was answered with server_error'),
      newId: randomUUID,
      monotonic: () => performance.now(),
      maxRequestsInFlight: options['max-requests-in-flight'],
      explainDenials: options['explain-denials'],
    },
  });
  const admin = createAdminApp([
    { name: 'policy', gates: true, detail: () => (snapshot().complete ? undefined : 'the manifests have not all been read yet') },
    { name: 'shutdown', gates: true, detail: () => (stop.aborted ? 'the process is about to end' : undefined) },
    { name: 'manifests', gates: false, detail: source.trouble },
    { name: 'issuer-keys', gates: false, detail: withoutKeys.trouble },
    ...(certificate ? [{ name: 'certificate', gates: false, detail: certificate.trouble }] : []),
  ]);
  const opened: Listening[] = [];
  try {
    opened.push(await listen(options['admin-listen'], admin));
    const { server, followed } = await listenPublicly(options.listen, app, limitsFor(options['max-requests-in-flight']), certificate, work.signal);
    opened.push(server);
    const running = source.run((cluster, publishVerdicts) => {
      publish = publishVerdicts;
      const onBug = (error: unknown, object: object): void => log.error({ err: error, object }, 'a bug: this object is off');
      const settings = { issuerURL, isTrustedNamespace: source.isTrustedNamespace, reservedAudiences: options['reserved-audiences'] ?? [], runExamples: createExampleRunner(effects.settings), onBug, ...(cluster && { cluster, namespacesAreTold: true }) };
      const telling = tellingVerdicts(createPolicyStore(settings), (verdicts, changes) => {
        logVerdicts(verdicts, changes);
        withoutKeys.note(verdicts, changes);
      });
      store = withIssuerKeys(telling, issuerKeys);
      return store;
    }, issuerKeys.areTried);
    log.info({ issuer: issuerURL, listen: server.url, admin: opened[0]?.url, manifests: source.description }, 'serving');
    // The source runs until it is told to end, unless it can't even begin.
    await Promise.race([aborted(stop), running]);
    log.info('ending: requests in flight are answered first');
    await server.close(drain);
    work.abort();
    await Promise.all([running, followed]);
    return 0;
  } finally {
    work.abort();
    issuerKeys.close();
    await Promise.all([source.close(), ...opened.map((server) => server.close(0))]);
  }
}

/** The public port: over TLS where there is a certificate, with each newer one until `signal` is aborted. */
async function listenPublicly(address: Address, app: RequestListener, limits: Limits, certificate: Certificate | undefined, signal: AbortSignal): Promise<{ server: Listening; followed?: Promise<void> }> {
  if (certificate === undefined) return { server: await listen(address, app, limits) };
  const server = await listenTls(address, app, certificate.current(), limits);
  return { server, followed: certificate.follow(server.useCertificate, signal) };
}

async function loadSigningKeys(dir: string | undefined, log: Logger): Promise<readonly SigningKey[]> {
  if (dir !== undefined) return loadSigningKeysDir(dir);
  log.warn('the signing keys are in memory only: tokens issued before a restart will not verify after it, and replicas do not share them; see --signing-keys-dir');
  return readSigningKeys(await makeSigningKeys());
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
