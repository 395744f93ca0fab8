// A process that sends requests over connections that stay open, each connection its next one as soon as it has an answer.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** What the process is asked for, by a message. */
export type Load = {
  ports: readonly number[];
  connections: number;
  milliseconds: number;
  /** Requests as they go over the connection; each is sent in its turn. */
  requests: readonly string[];
};

/** What it answers. Latencies are in milliseconds. */
export type LoadResult = {
  /** Answers within the time. */
  answers: number;
  /** Answers in all, with those before the clock was started and after it was stopped. */
  answersInAll: number;
  milliseconds: number;
  p50: number;
  p99: number;
  most: number;
  /** The first answer that was not a 200, or the error that ended it all. */
  failure?: string;
};

const nothing = Buffer.alloc(0);
const endOfHead = Buffer.from('\r\n\r\n');

/** Sends one request and resolves to the whole answer. */
type Ask = (request: Buffer) => Promise<Buffer>;

async function openConnection(port: number): Promise<{ ask: Ask; close: () => void }> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return { ask: askOver(socket), close: () => socket.destroy() };
}

function askOver(socket: Socket): Ask {
  let waiting: PromiseWithResolvers<Buffer> | undefined;
  let received: Buffer = nothing;
  const fail = (error?: Error): void => waiting?.reject(error ?? new Error('the server closed the connection'));
  socket.on('error', fail);
  socket.on('close', () => fail());
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    if (received.length < wholeLength(received)) return;
    const answer = received;
    received = nothing;
    waiting?.resolve(answer);
  });
  return (request) => {
    waiting = Promise.withResolvers();
    socket.write(request);
    return waiting.promise;
  };
}

/** The length of an answer, as its head says; Infinity as long as the head is not whole. All answers here have a Content-Length. */
function wholeLength(received: Buffer): number {
  const head = received.indexOf(endOfHead);
  if (head < 0) return Infinity;
  const length = /\r\ncontent-length: *([0-9]+)/i.exec(received.toString('latin1', 0, head))?.[1];
  return head + endOfHead.length + Number(length);
}

async function drive(load: Load): Promise<LoadResult> {
  const requests = load.requests.map((request) => Buffer.from(request));
  const open = await Promise.all(Array.from({ length: load.connections }, (_, index) => openConnection(load.ports[index % load.ports.length] ?? 0)));
  const latencies: number[] = [];
  let [next, answersInAll] = [0, 0];
  const take = (): Buffer => requests[next++ % requests.length] as Buffer;
  // Once over each connection before the clock is started: to accept it costs more than any later request.
  for (const { ask } of open) refuseFailure(await ask(take()));
  const start = performance.now();
  const end = start + load.milliseconds;
  let busy = true;
  const spin = (): void => void (busy && setImmediate(spin));
  spin();
  await Promise.all(
    open.map(async ({ ask }) => {
      for (;;) {
        const sent = performance.now();
        refuseFailure(await ask(take()));
        const now = performance.now();
        answersInAll++;
        if (now > end) return;
        latencies.push(now - sent);
      }
    }),
  );
  busy = false;
  for (const { close } of open) close();
  const sorted = Float64Array.from(latencies).toSorted();
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
  return { answers: sorted.length, answersInAll: answersInAll + open.length, milliseconds: load.milliseconds, p50: at(0.5), p99: at(0.99), most: at(1) };
}

function refuseFailure(answer: Buffer): void {
  if (answer.toString('latin1', 0, 13) !== 'HTTP/1.1 200 ') throw new Error(`an answer was not 200: ${answer.toString('latin1')}`);
}

process.on('message', (load: Load) => {
  drive(load).then(
    (result) => process.send?.(result),
    (error: Error) => process.send?.({ failure: error.message }),
  );
});
process.once('disconnect', () => process.exit(0));
