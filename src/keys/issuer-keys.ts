// The keys that issuers publish: fetched, kept, refreshed before they get old, and forgotten with their issuer.
import type { IssuerKeys } from '../exchange/issuer-keys.ts';
import { canDoWithoutKeys, keyQuestionOf, type FetchKeySet, type KeyFetchError } from '../policy/key-fetch.ts';
import type { KeyState } from '../policy/key-state.ts';
import type { Issuer, Verification } from '../policy/policy.ts';
import type { PublicKey } from '../policy/public-key.ts';
import { thumbprintOf } from '../policy/thumbprint.ts';
import { askForKeys } from './ask-for-keys.ts';
import { describeKeys } from './describe-keys.ts';
import { freshFor, refetchCooldown, refreshDelay, retryDelay, stagger } from './key-schedule.ts';

/** The ways of verification for which published keys are fetched. */
export type FetchedMethod = Exclude<Verification['method'], 'jwks'>;

/** Most requests that wait for the keys of one issuer. More are told to come again: a silent issuer must not hold them all. */
export const maxWaiting = 32;

export type IssuerKeysOptions = {
  /** How keys are fetched, by the way of verification; undefined where there is nothing to fetch from. */
  fetchers: { readonly [M in FetchedMethod]: FetchKeySet | undefined };
  /** Told when the state of an issuer's keys is another one than before, for the first time when a first fetch has ended. */
  onState: (name: string, revision: string, state: KeyState) => void;
  /** Told of every fetch when it has ended, and why if it failed. */
  onFetch: (name: string, failure: KeyFetchError | undefined) => void;
  /** Told of what must not happen. */
  onBug: (error: unknown) => void;
  /** How old keys may get that are used while new ones can't be had, in milliseconds. */
  maxStaleness: number;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Milliseconds on a clock that never jumps. */
  monotonic: () => number;
  /** From 0 to 1. */
  random: () => number;
  /** Runs something after so many milliseconds, unless it is cancelled. */
  after: (milliseconds: number, run: () => void) => () => void;
};

export type IssuerKeyStore = IssuerKeys & {
  /** The TrustedIssuers in force. Those whose keys are published are fetched from now on; all others are forgotten. */
  setIssuers: (issuers: Iterable<Issuer>) => void;
  /** Whether a first fetch has ended, well or not, for all of them. */
  areTried: () => boolean;
  /** Ends every fetch and timer. */
  close: () => void;
};

/** What is kept for one TrustedIssuer. Two of them never share anything, be their URLs the same. */
type Entry = {
  issuer: Issuer;
  /** What decides which keys are fetched: as long as it stays the same, so do they. */
  question: string;
  /** The last good keys. An empty list is what an issuer says that publishes none. */
  kept: { keys: readonly PublicKey[]; identity: string; thumbprints: readonly string[]; fetchedAt: number; fresh: number } | undefined;
  changedAt: number | undefined;
  failure: KeyFetchError | undefined;
  failures: number;
  /** A fetch has ended, well or not. */
  tried: boolean;
  running: Promise<void> | undefined;
  refetchedAt: number | undefined;
  waiting: number;
  /** The state that was told last. */
  told: string | undefined;
  cancelTimer: () => void;
  end: AbortController;
};

/** Makes it, empty. */
export function createIssuerKeys(options: IssuerKeysOptions): IssuerKeyStore {
  const { fetchers, maxStaleness, monotonic, random } = options;
  const entries = new Map<string, Entry>();

  function setIssuers(issuers: Iterable<Issuer>): void {
    const wanted = new Map([...issuers].flatMap((issuer) => (fetcherOf(issuer) === undefined ? [] : [[issuer.name, issuer]])));
    for (const [name, entry] of entries) if (!wanted.has(name)) forget(name, entry);
    let beginners = 0;
    for (const [name, issuer] of wanted) {
      const entry = entries.get(name);
      if (entry?.question === keyQuestionOf(issuer)) keepOn(entry, issuer);
      else {
        if (entry !== undefined) forget(name, entry);
        begin(issuer, stagger * beginners++);
      }
    }
  }

  const fetcherOf = ({ verification: { method } }: Issuer): FetchKeySet | undefined => (method === 'jwks' ? undefined : fetchers[method]);

  function begin(issuer: Issuer, delay: number): void {
    const entry: Entry = {
      issuer,
      question: keyQuestionOf(issuer),
      kept: undefined,
      changedAt: undefined,
      failure: undefined,
      failures: 0,
      tried: false,
      running: undefined,
      refetchedAt: undefined,
      waiting: 0,
      told: undefined,
      cancelTimer: () => undefined,
      end: new AbortController(),
    };
    entries.set(issuer.name, entry);
    entry.cancelTimer = options.after(delay, () => void fetchNow(entry));
  }

  /** The TrustedIssuer was changed in something that has nothing to do with its keys. */
  function keepOn(entry: Entry, issuer: Issuer): void {
    const changed = entry.issuer.revision !== issuer.revision;
    entry.issuer = issuer;
    if (!changed) return;
    entry.told = undefined;
    if (entry.tried) tell(entry);
    if (entry.failure !== undefined) void fetchNow(entry);
  }

  function forget(name: string, entry: Entry): void {
    entries.delete(name);
    entry.cancelTimer();
    entry.end.abort();
  }

  /** One fetch at a time: who comes while one is under way takes part in it. */
  function fetchNow(entry: Entry): Promise<void> {
    entry.cancelTimer();
    entry.running ??= attempt(entry)
      .catch(options.onBug)
      .finally(() => {
        entry.running = undefined;
      });
    return entry.running;
  }

  async function attempt(entry: Entry): Promise<void> {
    // The age counts from the question: what the issuer published then.
    const fetchedAt = monotonic();
    const answer = await askForKeys(fetcherOf(entry.issuer), entry.issuer, entry.end.signal, options.onBug);
    if (entry.end.signal.aborted) return;
    entry.tried = true;
    entry.failure = answer.failure;
    entry.failures = answer.failure === undefined ? 0 : entry.failures + 1;
    const fresh = freshFor(answer.maxAgeSeconds);
    // What the issuer says that it publishes counts, be it nothing. Where it does not say, the last good keys stay.
    if (answer.keys !== undefined) keep(entry, answer.keys, { fetchedAt, fresh });
    const delay = answer.failure === undefined ? refreshDelay(fresh, random()) - (monotonic() - fetchedAt) : retryDelay(entry.failures, random());
    entry.cancelTimer = options.after(delay, () => void fetchNow(entry));
    options.onFetch(entry.issuer.name, answer.failure);
    tell(entry);
  }

  function keep(entry: Entry, keys: readonly PublicKey[], { fetchedAt, fresh }: { fetchedAt: number; fresh: number }): void {
    const before = entry.kept;
    if (keys.length === 0 && !canDoWithoutKeys(entry.issuer)) {
      if (before !== undefined) entry.changedAt = options.now();
      entry.kept = undefined;
      return;
    }
    const named = keys.map((key) => ({ key, thumbprint: thumbprintOf(key.key) }));
    const identity = JSON.stringify(named.map(({ key: { kid, algorithms }, thumbprint }) => [kid, algorithms, thumbprint]));
    if (before?.identity === identity) {
      entry.kept = { ...before, fetchedAt, fresh };
      return;
    }
    entry.kept = { keys, identity, fetchedAt, fresh, thumbprints: [...new Set(named.map(({ thumbprint }) => thumbprint))].toSorted() };
    entry.changedAt = options.now();
  }

  /** The keys that may be verified with now. */
  function known(issuer: Issuer): readonly PublicKey[] | undefined {
    const kept = entryOf(issuer)?.kept;
    return kept === undefined || monotonic() - kept.fetchedAt > maxStaleness ? undefined : kept.keys;
  }

  /** A request may still hold a TrustedIssuer as it was before its last change. */
  function entryOf(issuer: Issuer): Entry | undefined {
    const entry = entries.get(issuer.name);
    return entry !== undefined && (entry.issuer.revision === issuer.revision || entry.question === keyQuestionOf(issuer)) ? entry : undefined;
  }

  function tell(entry: Entry): void {
    const { kept, failure, changedAt, issuer } = entry;
    const state = describeKeys({
      kept: kept && { ...kept, age: monotonic() - kept.fetchedAt },
      failure,
      changedAt,
      maxStaleness,
      canDoWithout: canDoWithoutKeys(issuer),
    });
    const written = JSON.stringify(state);
    if (written === entry.told) return;
    entry.told = written;
    options.onState(issuer.name, issuer.revision, state);
  }

  /** @returns false where too many wait already */
  async function waitFor(entry: Entry, fetch: Promise<void>): Promise<boolean> {
    if (entry.waiting >= maxWaiting) return false;
    entry.waiting++;
    await fetch.finally(() => entry.waiting--);
    return true;
  }

  return {
    known,
    current: async (issuer) => {
      const entry = entryOf(issuer);
      if (entry !== undefined && !entry.tried) await waitFor(entry, fetchNow(entry));
      return known(issuer);
    },
    refetched: async (issuer) => {
      const entry = entryOf(issuer);
      if (entry === undefined) return undefined;
      if (entry.running === undefined && (entry.refetchedAt === undefined || monotonic() - entry.refetchedAt >= refetchCooldown)) {
        entry.refetchedAt = monotonic();
        void fetchNow(entry);
      }
      if (entry.running !== undefined && !(await waitFor(entry, entry.running))) return undefined;
      return known(issuer);
    },
    trouble: (issuer) => {
      const failure = entryOf(issuer)?.failure;
      return failure && `${failure.reason}: ${failure.message}`;
    },
    setIssuers,
    areTried: () => entries.values().every(({ tried }) => tried),
    close: () => {
      for (const [name, entry] of entries) forget(name, entry);
    },
  };
}
