// Every case, in process and over HTTP: the answer is the literal one, and keeps the rules of every answer.
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { checks } from '../../src/exchange/checks.ts';
import { brokenRules } from './every-answer.ts';
import { readCases, type Case } from './read-cases.ts';
import { runInProcess, runOverHTTP, signingKeys, type Outcome } from './run-case.ts';

const cases = readCases().map((given) => [given.name, given] as const);

test('each check of the decision has a case that its audit line names', () => {
  const named = new Set(cases.map(([, given]) => given.expect.check));
  expect(checks.map(({ name }) => name).filter((name) => !named.has(name))).toEqual([]);
});

describe('in process', () => {
  test.for(cases.filter(([, { over }]) => over === 'both'))('%s', async ([, given]) => {
    const outcome = await runInProcess(given);
    expect(await answerOf(outcome, given)).toEqual(wantedOf(given));
    expect(outcome.audit[0]).toMatchObject(given.expect.audit);
    expect(brokenRules(outcome, given)).toEqual([]);
  });
});

describe('over HTTP', () => {
  test.for(cases)('%s', async ([, given]) => {
    const outcome = await runOverHTTP(given);
    expect(await answerOf(outcome, given)).toEqual(wantedOf(given));
    expect(outcome.audit[0]).toMatchObject(given.expect.audit);
    expect(outcome.headers).toMatchObject(given.expect.headers);
    expect(brokenRules(outcome, given)).toEqual([]);
  });
});

/** What a case wants to see, in the members of `answerOf`. */
function wantedOf({ expect: { status, error, check, reason, response, header, claims, refetched }, reviews, request }: Case) {
  const inBody = request.method === 'HEAD' ? undefined : error;
  return { status, error, inBody, check, reason, response, header, claims, reviewsAsked: reviews.map(({ issuer, audiences }) => ({ issuer, audiences })), refetched };
}

async function answerOf({ status, audit: [line], body, reviewsAsked, refetched }: Outcome, { expect: { header }, now }: Case) {
  const { error, check, reason } = line ?? {};
  const { access_token, error: inBody, error_description: _, ...response } = body;
  const failure = { status, error, inBody, check, reason, response: undefined, header: undefined, claims: undefined, reviewsAsked, refetched };
  if (typeof access_token !== 'string') return failure;
  const protectedHeader = decodeProtectedHeader(access_token);
  const key = signingKeys.find(({ kid }) => kid === protectedHeader.kid);
  await jwtVerify(access_token, key?.publicJwk ?? {}, { currentDate: new Date(now * 1000) });
  return { ...failure, response, header: header === undefined ? undefined : protectedHeader, claims: decodeJwt(access_token) };
}
