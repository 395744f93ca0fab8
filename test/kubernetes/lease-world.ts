// A Lease at an API server, and processes that stand for it: the network loses and delays, processes stop, die and have clocks of their own.
import type { ApiRequest, ApiResponse } from '../../src/kubernetes/api-server.ts';
import { createLease, type Lease } from '../../src/kubernetes/lease.ts';
import type { VirtualTime } from './virtual-time.ts';

export type Fault =
  /** Nothing. */
  | 'none'
  /** 503, and nothing was done. */
  | 'refused'
  /** 403, and nothing was done. */
  | 'forbidden'
  /** It never arrives. */
  | 'lost request'
  /** It is carried out, and the answer never arrives. */
  | 'lost answer'
  /** It is carried out, and the answer is not JSON. */
  | 'garbage'
  /** It is carried out 6 s later: by then nobody waits for it. */
  | 'late';

type Stored = { metadata: { name: string; namespace: string; resourceVersion: string; labels?: object }; spec: Record<string, unknown> };
type Body = { metadata: { resourceVersion?: string }; spec: Record<string, unknown> };

export type Candidate = {
  name: string;
  lease: Lease;
  /** What onChange and onTrouble said. */
  said: string[];
  alive: () => boolean;
  /** SIGSTOP and SIGCONT: its clocks go on, and it does nothing. */
  stop: () => void;
  resume: () => void;
  /** SIGKILL. */
  kill: () => void;
  /** SIGTERM. Resolves when it has ended. */
  end: () => Promise<void>;
};

export type CandidateOptions = {
  /** Milliseconds by which its clock of the day is wrong. */
  skew?: number;
  /** How fast its clocks go. */
  rate?: number;
  /** Its clock of the day does not go at all. */
  stands?: boolean;
  random?: () => number;
};

export type LeaseWorld = {
  lease: () => Stored | undefined;
  /** As an administrator would. */
  put: (spec: Record<string, unknown>) => void;
  label: () => void;
  remove: () => void;
  start: (name: string, options?: CandidateOptions) => Candidate;
  /** What happens to requests of a process from now on, or to everybody's. */
  fault: (name: string | undefined, fault: Fault) => void;
  /** Method and status of all requests so far. */
  requests: string[];
  /** Who leads, as each of them believes. */
  leaders: () => string[];
};

const leasePath = '/apis/coordination.k8s.io/v1/namespaces/cambio-system/leases';
const noon = Date.parse('2026-11-24T12:00:00.000Z');

export function createLeaseWorld(time: VirtualTime): LeaseWorld {
  let stored: Stored | undefined;
  let version = 0;
  const faults = new Map<string | undefined, Fault>();
  const candidates: Candidate[] = [];
  const requests: string[] = [];

  function store(spec: Record<string, unknown>, labels?: object): Stored {
    const metadata = { name: 'cambio-leader', namespace: 'cambio-system', resourceVersion: String(++version), ...(labels && { labels }) };
    stored = { metadata, spec: structuredClone(spec) };
    return stored;
  }

  /** What the API server does with a request that has arrived. */
  function carryOut({ method, path, body }: ApiRequest): ApiResponse {
    const { metadata, spec } = (body ?? { metadata: {}, spec: {} }) as Body;
    const answer = (status: number, object: unknown): ApiResponse => ({ status, retryAfterSeconds: undefined, body: structuredClone(object) });
    if (method === 'POST') return path !== leasePath ? answer(404, {}) : stored === undefined ? answer(201, store(spec)) : answer(409, {});
    if (path !== `${leasePath}/cambio-leader` || stored === undefined) return answer(404, { message: 'not found' });
    if (method === 'GET') return answer(200, stored);
    if (metadata.resourceVersion !== stored.metadata.resourceVersion) return answer(409, { message: 'it was changed' });
    return answer(200, store(spec, stored.metadata.labels));
  }

  function start(name: string, { skew = 0, rate = 1, stands = false, random = () => 0.5 }: CandidateOptions = {}): Candidate {
    const end = new AbortController();
    const said: string[] = [];
    let dead = false;
    let held: (() => void)[] | undefined;
    /** Something reaches the process: later if it is stopped, and never if it is dead. */
    const reach = (call: () => void): void => {
      if (held !== undefined) held.push(call);
      else if (!dead) call();
    };

    function send(request: ApiRequest): Promise<ApiResponse> {
      return new Promise((resolve, reject) => {
        const fault = faults.get(name) ?? faults.get(undefined) ?? 'none';
        const answer = (response: ApiResponse): void => {
          requests.push(`${name} ${request.method} ${response.status}`);
          if (fault !== 'late' && fault !== 'lost answer') time.after(10, () => reach(() => resolve(fault === 'garbage' ? { ...response, body: undefined } : response)));
        };
        const refusal = fault === 'refused' ? 503 : 403;
        if (fault === 'refused' || fault === 'forbidden') time.after(10, () => answer({ status: refusal, retryAfterSeconds: undefined, body: { message: 'no' } }));
        else if (fault !== 'lost request') time.after(fault === 'late' ? 6000 : 10, () => answer(carryOut(request)));
        time.after(request.timeoutMs / rate, () => reach(() => reject(new Error('timed out'))));
      });
    }

    const lease = createLease({
      api: { request: send },
      namespace: 'cambio-system',
      identity: name,
      now: () => noon + (stands ? 0 : time.now() * rate) + skew,
      monotonic: () => 1_000_000 + time.now() * rate,
      random,
      onChange: (leads) => said.push(leads ? 'leads' : 'leads no longer'),
      onTrouble: (trouble) => said.push(trouble ?? 'all is well'),
      signal: end.signal,
      pause: (milliseconds, signal) => new Promise((resolve) => void time.pause(milliseconds / rate, signal).then(() => reach(resolve))),
    });
    const running = lease.run();
    const candidate: Candidate = {
      name,
      lease,
      said,
      alive: () => !dead,
      stop: () => (held ??= []),
      resume: () => {
        const calls = held ?? [];
        held = undefined;
        for (const call of calls) reach(call);
      },
      kill: () => {
        dead = true;
        held = undefined;
      },
      end: async () => {
        end.abort();
        await running;
        dead = true;
      },
    };
    candidates.push(candidate);
    return candidate;
  }

  return {
    lease: () => stored,
    put: (spec) => void store(spec, stored?.metadata.labels),
    label: () => void (stored && store(stored.spec, { by: 'somebody' })),
    remove: () => (stored = undefined),
    start,
    fault: (name, fault) => void faults.set(name, fault),
    requests,
    leaders: () => candidates.filter((candidate) => candidate.alive() && candidate.lease.leadsFor() > 0).map(({ name }) => name),
  };
}
