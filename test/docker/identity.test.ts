import { describe, expect, it } from 'vitest';
import { toContainerRef } from '../../src/docker/containers.ts';
import { commandKey, orchestratorOf, serviceOf } from '../../src/docker/identity.ts';

const swarm = {
  'com.docker.swarm.task.id': 'x1',
  'com.docker.swarm.service.name': 'shop_web',
  'com.docker.stack.namespace': 'shop',
};
const pod = (name: string, container: string) => ({
  'io.kubernetes.pod.name': name,
  'io.kubernetes.pod.namespace': 'shop',
  'io.kubernetes.container.name': container,
});

describe('the service of a container', () => {
  it.each<[string, string, Record<string, string>, object]>([
    ['a swarm task', 'shop_web.1.k3v9', swarm, { service: 'shop_web' }],
    [
      'a pod of a deployment',
      'k8s_web_web-1_shop',
      pod('web-6d4cf56db6-x2x7p', 'web'),
      { service: 'web', project: 'shop' },
    ],
    ['a pod of a stateful set', 'k8s_pg', pod('db-0', 'postgres'), { service: 'db-postgres', project: 'shop' }],
    ['a pod of a daemon set', 'k8s_agent', pod('agent-x2x7p', 'agent'), { service: 'agent', project: 'shop' }],
    ['a pod without a workload', 'k8s_tool', pod('debug', 'shell'), { service: 'debug-shell', project: 'shop' }],
    [
      'a Nomad task',
      'web-6a1c3c5e-1b9a-4b7e-8d7e-0c5d3a1f2b4c',
      { 'com.hashicorp.nomad.alloc_id': '6a1c3c5e-1b9a-4b7e-8d7e-0c5d3a1f2b4c' },
      { service: 'web' },
    ],
    [
      'an ECS task',
      'ecs-shop-3-web-b2e1',
      {
        'com.amazonaws.ecs.task-arn': 'arn:aws:ecs:x:task/1',
        'com.amazonaws.ecs.container-name': 'web',
        'com.amazonaws.ecs.task-definition-family': 'shop',
      },
      { service: 'web', project: 'shop' },
    ],
  ])('of %s is the same for each of its containers', (_, name, labels, expected) => {
    expect(serviceOf(name, labels)).toEqual(expected);
    expect(orchestratorOf(labels)).toBeDefined();
  });

  it('of compose is not owned by an orchestrator', () => {
    const labels = { 'com.docker.compose.service': 'web', 'com.docker.compose.project': 'shop' };
    expect(serviceOf('shop-web-1', labels)).toEqual({ service: 'web', project: 'shop' });
    expect(orchestratorOf(labels)).toBeUndefined();
  });
});

it.each([
  ['shop_web.1.2djc7mh21ycoklv5607l8bj7f', 'shop_web.1'],
  ['shop_web.wfft0kswo56vfvpvq5wqkuxba.2djc7mh21ycoklv5607l8bj7f', 'shop_web'],
])('the name of the Swarm task %s has none of its ids, which look like secrets', (name, shown) => {
  const labels = {
    ...swarm,
    'com.docker.swarm.task.id': '2djc7mh21ycoklv5607l8bj7f',
    'com.docker.swarm.node.id': 'wfft0kswo56vfvpvq5wqkuxba',
  };
  expect(toContainerRef({ id: 'a', name: `/${name}`, image: 'web', labels }).name).toBe(shown);
});

describe('the key of a command', () => {
  it('does not depend on numbers and ids in it', () => {
    const key = commandKey(['backup', '--run', '17', '6a1c3c5e1b9a']);
    expect(commandKey(['backup', '--run', '4711', 'ffffffff0000'])).toBe(key);
    expect(commandKey(['restore', '--run', '17', '6a1c3c5e1b9a'])).not.toBe(key);
    expect(key).toMatch(/^[0-9a-f]{8}$/);
  });
});
