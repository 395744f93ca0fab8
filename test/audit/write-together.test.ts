// Lines that are written together: which, when, and what whoever waits for one is told.
import { expect, test } from 'vitest';
import { mostTogether, writeTogether } from '../../src/audit/write-together.ts';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What writes into `texts`, and fails as often as `failures` says. */
function writer(): { write: (line: string) => Promise<void>; texts: string[]; fail: (times: number) => void } {
  const texts: string[] = [];
  let failures = 0;
  const write = writeTogether((text) => {
    texts.push(text);
    if (failures-- > 0) throw new Error(`no room for ${text}`);
  });
  return { write, texts, fail: (times) => (failures = times) };
}

/** The same, in a turn after one that had more than one line. */
async function crowdedWriter(): Promise<ReturnType<typeof writer>> {
  const made = writer();
  await Promise.all([made.write('x'), made.write('y')]);
  await nextTurn();
  made.texts.length = 0;
  return made;
}

test('one by one, each is written at once', async () => {
  const { write, texts } = writer();
  for (const line of ['a', 'b', 'c']) {
    const written = write(line);
    expect(texts.at(-1)).toBe(line);
    await written;
    await nextTurn();
  }
  expect(texts).toEqual(['a', 'b', 'c']);
});

test('after a turn with more than one they are written together, at the end of theirs', async () => {
  const { write, texts } = await crowdedWriter();
  const told: string[] = [];
  const all = ['a', 'b', 'c'].map((line) => write(line).then(() => told.push(line)));
  await Promise.resolve();
  expect([texts, told]).toEqual([[], []]);
  await Promise.all(all);
  expect([texts, told]).toEqual([['abc'], ['a', 'b', 'c']]);
});

test('one that comes alone then waits for the end of its turn once, and the next does not', async () => {
  const { write, texts } = await crowdedWriter();
  const first = write('a');
  expect(texts).toEqual([]);
  await first;
  await nextTurn();
  void write('b');
  expect(texts).toEqual(['a', 'b']);
});

test('no more than so many are written together, and whoever is among them waits no longer', async () => {
  expect(mostTogether).toBe(16);
  const { write, texts } = await crowdedWriter();
  const lines = Array.from({ length: 2 * mostTogether + 1 }, (_, index) => `${index},`);
  const written = lines.map((line) => write(line));
  expect(texts).toEqual([lines.slice(0, mostTogether).join(''), lines.slice(mostTogether, 2 * mostTogether).join('')]);
  await Promise.all(written);
  expect(texts[2]).toBe('32,');
});

test('whoever waits for a line that could not be written is told so, and nobody else', async () => {
  const { write, texts, fail } = await crowdedWriter();
  fail(1);
  expect(await Promise.allSettled([write('a'), write('b')])).toEqual(['ab', 'ab'].map((text) => ({ status: 'rejected', reason: new Error(`no room for ${text}`) })));
  await write('c');
  expect(texts).toEqual(['ab', 'c']);
});
