/** Rules for the workflows of GitHub Actions. `.ci/run` also checks their syntax with actionlint. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { REPOSITORY, readRepositoryFile } from './compose-file.ts';

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Workflow {
  readonly permissions: unknown;
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly permissions?: Readonly<Record<string, string>>;
        readonly 'timeout-minutes'?: number;
        readonly uses?: string;
        readonly needs?: string | readonly string[];
        readonly steps?: readonly Step[];
      }
    >
  >;
}

const names = readdirSync(`${REPOSITORY}.github/workflows`);
const read = (name: string) => readRepositoryFile(`.github/workflows/${name}`);

describe.each(names)('the workflow %s', (name) => {
  const text = read(name);
  const workflow = parse(text) as Workflow;
  const jobs = Object.values(workflow.jobs);
  const steps = jobs.flatMap((job) => job.steps ?? []);

  it('pins each action by commit, and names the release that it is', () => {
    const used = text.split('\n').filter((line) => /^\s*(- )?uses: (?!\.\/)/.test(line));
    for (const line of used) expect(line).toMatch(/uses: [\w.-]+\/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('has no permission by default, and each job only those that it names', () => {
    expect(workflow.permissions).toEqual({});
    for (const job of jobs)
      expect(job.permissions).toMatchObject({ contents: expect.stringMatching(/^(read|write)$/) });
  });

  it('puts no text of others into a script', () => {
    for (const { run } of steps) expect(run ?? '').not.toContain('${{');
  });

  it('leaves no token in the checkout, and limits the time of each job', () => {
    for (const step of steps) {
      if (step.uses?.startsWith('actions/checkout@')) expect(step.with).toMatchObject({ 'persist-credentials': false });
    }
    for (const job of jobs) if (job.uses === undefined) expect(job['timeout-minutes']).toBeGreaterThan(0);
  });
});

it('the gate of the workflow is .ci/run', () => {
  const { jobs } = parse(read('ci.yml')) as Workflow;
  expect(jobs.gate?.steps?.at(-1)?.run).toBe('.ci/run');
});

it('a release is tested first, built for two platforms with SBOM and provenance, signed, and has notes', () => {
  const { jobs } = parse(read('release.yml')) as Workflow;
  expect(jobs.test?.uses).toBe('./.github/workflows/ci.yml');
  expect(jobs.image?.needs).toEqual(expect.arrayContaining(['test', 'notes']));
  expect(jobs.release?.needs).toBe('image');
  const build = jobs.image?.steps?.find(({ uses }) => uses?.startsWith('docker/build-push-action@'));
  expect(build?.with).toMatchObject({
    platforms: 'linux/amd64,linux/arm64',
    sbom: true,
    provenance: 'mode=max',
    push: true,
  });
  expect(jobs.image?.steps?.at(-1)?.run).toMatch(/cosign sign --yes[\s\S]*cosign verify/);
  expect(jobs.release?.steps?.at(-1)?.run).toContain('scripts/release-notes.ts');
  // Only the job that signs can ask for an identity.
  const signing = Object.entries(jobs).filter(([, job]) => job.permissions?.['id-token'] === 'write');
  expect(signing.map(([job]) => job)).toEqual(['image']);
});
