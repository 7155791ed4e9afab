import { describe, expect, it } from 'vitest';
import { createImageLabels, withoutForeignIdentity } from '../../src/docker/image-labels.ts';
import { EngineError, type EngineReason } from '../../src/errors.ts';

function imagesOf(images: Record<string, Record<string, string> | EngineReason>) {
  const asked: string[] = [];
  let now = 0;
  const labels = createImageLabels({
    async inspectImage(id) {
      asked.push(id);
      const answer = images[id] ?? 'not_found';
      if (typeof answer === 'string') throw new EngineError(answer, answer);
      return answer;
    },
    monotonic: () => now,
  });
  return {
    ...labels,
    asked,
    pass: (ms: number) => {
      now += ms;
    },
    async origin(own: Record<string, string>, imageId: string | undefined = 'i') {
      await labels.learn([{ id: 'c', imageId, labels: own }]);
      return labels.originOf('c');
    },
  };
}
const known = (...names: string[]) => ({ kind: 'known', fromImage: new Set(names) });

describe('labels come from the image', () => {
  it('if the image has them with the same value', async () => {
    const { origin } = imagesOf({ i: { a: '1', b: '2', c: '3' } });
    expect(await origin({ a: '1', b: 'other', d: '4' })).toEqual(known('a'));
  });

  it('even if their names are those of object properties', async () => {
    const { origin } = imagesOf({ i: {} });
    expect(await origin({ constructor: 'x', toString: 'y' })).toEqual(known());
  });

  it('also those of compose, unless compose made the container', async () => {
    const built = { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web' };
    expect(await imagesOf({ i: built }).origin(built)).toEqual(known(...Object.keys(built)));
    const container = { ...built, 'com.docker.compose.config-hash': 'f00', 'container-doctor.grace': '5' };
    const image = { ...built, 'container-doctor.grace': '5' };
    expect(await imagesOf({ i: image }).origin(container)).toEqual(known('container-doctor.grace'));
  });
});

describe('the origin of labels', () => {
  it('is pending until the engine was asked, and as long as it does not answer', async () => {
    const images = imagesOf({ i: 'timeout' });
    expect(images.originOf('c')).toEqual({ kind: 'pending' });
    expect(await images.origin({ a: '1' })).toEqual({ kind: 'pending' });
    await images.origin({ a: '1' });
    expect(images.asked).toHaveLength(1);
    images.pass(60_001);
    await images.origin({ a: '1' });
    expect(images.asked).toHaveLength(2);
  });

  it('cannot be known if the image is gone, the engine does not name it, or refuses the request', async () => {
    for (const reason of ['not_found', 'server_error', 'forbidden'] as const) {
      expect(await imagesOf({ i: reason }).origin({ a: '1' })).toEqual({ kind: 'unknowable' });
    }
    const { learn, originOf } = imagesOf({});
    await learn([{ id: 'c', imageId: undefined, labels: {} }]);
    expect(originOf('c')).toEqual({ kind: 'unknowable' });
  });

  it('is known again once the engine no longer refuses the request', async () => {
    const answers: Record<string, Record<string, string> | EngineReason> = { i: 'forbidden' };
    const images = imagesOf(answers);
    await images.origin({ a: '1' });
    expect(images.refused()).toBe(true);
    answers.i = { a: '1' };
    images.pass(60_001);
    expect(await images.origin({ a: '1' })).toEqual(known('a'));
    expect(images.refused()).toBe(false);
  });

  it('is asked for once for each image, and forgotten with the container', async () => {
    const images = imagesOf({ i: { a: '1' } });
    const containers = Array.from({ length: 50 }, (_, n) => ({ id: `c${n}`, imageId: 'i', labels: { a: '1' } }));
    await images.learn(containers);
    const before = images.originOf('c0');
    await images.learn(containers);
    expect(images.asked).toEqual(['i']);
    expect(images.originOf('c0')).toBe(before);
    images.keepOnly(['c1']);
    expect(images.originOf('c0')).toEqual({ kind: 'pending' });
    expect(images.originOf('c1')).toEqual(known('a'));
  });
});

it('a container does not get the identity that its image claims', () => {
  const labels = { 'com.docker.compose.project': 'shop', 'io.kubernetes.pod.name': 'web-1', team: 'a' };
  expect(withoutForeignIdentity(labels, { kind: 'known', fromImage: new Set(Object.keys(labels)) })).toEqual({
    team: 'a',
  });
  expect(withoutForeignIdentity(labels, { kind: 'known', fromImage: new Set(['team']) })).toEqual(labels);
  expect(withoutForeignIdentity(labels, { kind: 'pending' })).toEqual(labels);
});
