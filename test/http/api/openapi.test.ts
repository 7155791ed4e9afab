import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it } from 'vitest';
import { API, ENDPOINTS, type Endpoint } from '../../../src/http/api/endpoints.ts';
import { openApiDocument } from '../../../src/http/api/openapi.ts';
import { serveApi } from './support.ts';

describe('the OpenAPI document', () => {
  it('is valid OpenAPI 3.1', async () => {
    const result = await new Validator().validate(JSON.parse(JSON.stringify(openApiDocument('1.2.3'))));
    expect(result).toMatchObject({ valid: true });
    expect(openApiDocument('1.2.3').openapi).toBe('3.1.0');
  });

  it('describes every endpoint, and no other', async () => {
    const { send } = await serveApi();
    const { status, body } = await send('/openapi.json');
    expect(status).toBe(200);
    const described = Object.entries(body.paths as Record<string, object>).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    );
    const endpoints = (Object.values(ENDPOINTS) as Endpoint[]).map(
      ({ method, path }) => `${method} ${API}${path.replace(/:(\w+)/g, '{$1}')}`,
    );
    expect(described.sort()).toEqual([...endpoints, `get ${API}/events`].sort());
  });

  it('has an explanation of every query parameter that is not obvious, and every enumeration once', () => {
    const { components } = openApiDocument('1.2.3');
    expect(Object.keys(components?.schemas ?? {})).toEqual(
      expect.arrayContaining(['Incident', 'IncidentSummary', 'Gate', 'Status', 'Timeline', 'Stats', 'Problem']),
    );
  });
});
