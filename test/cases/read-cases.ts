// Reads the cases: each case.yaml with its defaults and the manifests that it is held against.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const json = z.record(z.string(), z.unknown());

const token = z.strictObject({
  text: z.string().optional(),
  key: z.string().default('ci-es'),
  alg: z.string().optional(),
  mac: z.enum(['spki-pem', 'spki-der', 'jwk']).optional(),
  header: json.default({}),
  without_header: z.array(z.string()).default([]),
  header_text: z.string().optional(),
  claims: json.default({}),
  without_claims: z.array(z.string()).default([]),
  payload_text: z.string().optional(),
  form: z.string().default('${header}.${payload}.${signature}'),
});

const review = z.strictObject({
  issuer: z.string().default('cluster'),
  audiences: z.array(z.string()),
  unavailable: z.boolean().default(false),
  authenticated: z.boolean().default(true),
  error: z.string().optional(),
  confirmed: z.array(z.string()).default([]),
  user: z
    .strictObject({
      username: z.string().default(''),
      uid: z.string().default(''),
      groups: z.array(z.string()).default([]),
      extra: z.record(z.string(), z.array(z.string())).default({}),
    })
    .prefault({}),
});

const keyNames = z.array(z.string());

const caseSchema = z.strictObject({
  about: z.string(),
  over: z.enum(['both', 'http']).default('both'),
  now: z.number().default(1_800_000_000),
  policy: z.enum(['complete', 'incomplete']).default('complete'),
  settings: z.strictObject({ maxLifetimeSeconds: z.int().default(3600), signingAlgorithm: z.enum(['ES256', 'RS256']).default('ES256') }).prefault({}),
  subject_token: token.prefault({}),
  reviews: z.array(review).default([]),
  published: z.record(z.string(), z.strictObject({ known: keyNames.optional(), current: keyNames.optional(), refetched: keyNames.optional() })).optional(),
  request: z
    .strictObject({
      method: z.string().default('POST'),
      path: z.string().default('/token'),
      headers: z.record(z.string(), z.string()).default({}),
      without_headers: z.array(z.string()).default([]),
      chunked: z.boolean().default(false),
      without: z.array(z.string()).default([]),
      with: z.array(z.tuple([z.string(), z.string()])).default([]),
      body: z.string().optional(),
      body_base64: z.base64().optional(),
    })
    .prefault({}),
  expect: z.strictObject({
    status: z.int(),
    error: z.string().optional(),
    check: z.string().optional(),
    reason: z.string().optional(),
    headers: z.record(z.string(), z.string()).default({}),
    response: json.optional(),
    header: json.optional(),
    claims: json.optional(),
    audit: json.default({}),
    refetched: z.array(z.string()).default([]),
  }),
});

/** One whole exchange, read. README.md says what the members mean. */
export type Case = z.output<typeof caseSchema> & {
  /** Its folder, below test/cases. */
  name: string;
  manifests: { file: string; text: string };
};
export type TokenRecipe = z.output<typeof token>;

/** The folder of all cases. */
export const casesDir = import.meta.dirname;

/** Reads every case, in the order of their names. Throws where one has a member that is not known. */
export function readCases(): Case[] {
  return readdirSync(casesDir, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('case.yaml'))
    .toSorted()
    .map((path) => readCase(join(casesDir, dirname(path))));
}

function readCase(dir: string): Case {
  const name = relative(casesDir, dir);
  const parsed = caseSchema.safeParse(withRepetitions(parse(readFileSync(join(dir, 'case.yaml'), 'utf8'))));
  if (!parsed.success) throw new Error(`${name}/case.yaml: ${z.prettifyError(parsed.error)}`);
  const file = nearestManifests(dir);
  return { ...parsed.data, name, manifests: { file: relative(casesDir, file), text: readFileSync(file, 'utf8') } };
}

/** manifests.yaml of the folder, or of the nearest one above it. */
function nearestManifests(dir: string): string {
  const file = join(dir, 'manifests.yaml');
  if (existsSync(file)) return file;
  if (dir === casesDir) throw new Error(`${casesDir} has no manifests.yaml`);
  return nearestManifests(dirname(dir));
}

/** Writes out `${1000 times x}` wherever it stands. */
function withRepetitions(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(/\$\{(\d+) times ([^}]*)\}/g, (_all, count: string, text: string) => text.repeat(Number(count)));
  if (Array.isArray(value)) return value.map(withRepetitions);
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withRepetitions(member)]));
  return value;
}
