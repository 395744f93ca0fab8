// Every example's manifests pass `cambio check`, and the pipelines' own commands do what they are there for.
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { examplesDir, readExamples } from '../examples.ts';
import { folderWithCambio, runShell } from './run-cambio.ts';

const examples = readExamples();

let bin: string;
beforeAll(async () => {
  bin = await folderWithCambio();
});
afterAll(() => rm(bin, { recursive: true, force: true }));

test('there are examples', () => {
  expect(examples.map(({ name }) => name)).toEqual(expect.arrayContaining(['cluster', 'pipelines', 'quickstart']));
});

test.each(examples)('$name', async ({ name, folder, flags }) => {
  const { code, stdout, stderr } = await runShell(`cambio check ${folder} ${flags}`, join(examplesDir, name), bin);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/\nNo problems in \d+ objects from /);
});

type GitHubWorkflow = { jobs: { check: { env: Record<string, string>; steps: { run?: string }[] } } };
type GitLabPipeline = { policy: { variables: Record<string, string>; script: string[] } };

const pipelines = join(examplesDir, 'pipelines');
const read = (file: string): unknown => parse(readFileSync(join(pipelines, file), 'utf8'));
const gitHub = (read('github-actions.yaml') as GitHubWorkflow).jobs.check;
const gitLab = (read('gitlab-ci.yaml') as GitLabPipeline).policy;

describe.each([
  { pipeline: 'github-actions.yaml', commands: gitHub.steps.flatMap(({ run }) => run ?? []), env: gitHub.env },
  { pipeline: 'gitlab-ci.yaml', commands: gitLab.script, env: gitLab.variables },
])('$pipeline', ({ commands, env }) => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'cambio-pipeline-'));
    for (const folder of ['policy', 'claims']) await cp(join(pipelines, folder), join(dir, folder), { recursive: true });
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  test.each(commands)('%s', async (command) => {
    expect(await runShell(command, dir, bin, env)).toMatchObject({ code: 0, stderr: '' });
  });

  test('the first command stops the pipeline where there is a mistake', async () => {
    const [first = ''] = commands;
    const mistaken = await mkdtemp(join(tmpdir(), 'cambio-pipeline-'));
    await cp(dir, mistaken, { recursive: true });
    const [file = ''] = await readdir(join(mistaken, 'policy'));
    await writeFile(join(mistaken, 'policy', file), readFileSync(join(mistaken, 'policy', file), 'utf8').replace('spec:\n', 'spec:\n  suspended: true\n'));
    const { code, stdout } = await runShell(first, mistaken, bin, env);
    await rm(mistaken, { recursive: true });
    expect(code).toBe(1);
    expect(stdout).toContain('spec.suspended: unknown field; did you mean suspend?');
  });
});
