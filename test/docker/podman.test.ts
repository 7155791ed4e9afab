import { describe, expect, it } from 'vitest';
import { engineKind } from '../../src/docker/podman.ts';

const component = (Name: string) => ({ Name, Version: '5.8.6' });

describe('the kind of an engine', () => {
  it.each([
    ['docker', [component('Engine'), component('containerd')]],
    ['podman', [component('Podman Engine'), component('Conmon')]],
    ['docker', undefined],
  ])('is %s', (kind, components) => {
    expect(engineKind({ Components: components as never })).toBe(kind);
  });
});
