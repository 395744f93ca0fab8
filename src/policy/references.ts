// Who refers to what: finds what a change touches without looking at everything.

/** For each thing that is referred to, by whom. One alone is kept without a set around it: most are. */
export type References = Map<string, string | Set<string>>;

/** Notes that something no longer refers to what it referred to, but to this. */
export function refer(references: References, from: string, before: Iterable<string>, after: Iterable<string>): void {
  for (const to of before) remove(references, from, to);
  for (const to of after) add(references, from, to);
}

/** All that refer to it, in no order that means anything. */
export function referring(references: References, to: string): Iterable<string> {
  const from = references.get(to);
  return from === undefined ? [] : typeof from === 'string' ? [from] : from;
}

function add(references: References, from: string, to: string): void {
  const known = references.get(to);
  if (known === undefined || known === from) references.set(to, from);
  else if (typeof known === 'string') references.set(to, new Set([known, from]));
  else known.add(from);
}

function remove(references: References, from: string, to: string): void {
  const known = references.get(to);
  if (known === undefined || known === from) references.delete(to);
  else if (typeof known !== 'string') {
    known.delete(from);
    if (known.size === 0) references.delete(to);
  }
}
