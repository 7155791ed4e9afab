import { z } from 'zod';
import { createDocument, type ZodOpenApiPathsObject } from 'zod-openapi';
import { API, ENDPOINTS, type Endpoint, type EndpointName } from './endpoints.ts';
import { RESPONSES } from './responses.ts';
import { Changed } from './schemas/overview.ts';
import { Problem } from './schemas/parts.ts';

const problem = (description: string) => ({ description, content: { 'application/json': { schema: Problem } } });

/** The OpenAPI document, made from the schemas that the endpoints use. */
export function openApiDocument(version: string) {
  const paths: ZodOpenApiPathsObject = {};
  for (const [name, endpoint] of Object.entries(ENDPOINTS) as readonly [EndpointName, Endpoint][]) {
    const answer = { 'application/json': { schema: RESPONSES[name] } };
    const path = API + endpoint.path.replace(/:(\w+)/g, '{$1}');
    const parameters = [...endpoint.path.matchAll(/:(\w+)/g)].map(([, parameter]) => parameter as string);
    const operation = {
      operationId: name,
      summary: endpoint.about,
      ...((endpoint.query !== undefined || parameters.length > 0) && {
        requestParams: {
          ...(endpoint.query !== undefined && { query: endpoint.query }),
          ...(parameters.length > 0 && {
            path: z.object(Object.fromEntries(parameters.map((parameter) => [parameter, z.string()]))),
          }),
        },
      }),
      ...(endpoint.body !== undefined && {
        requestBody: { required: true, content: { 'application/json': { schema: endpoint.body } } },
      }),
      ...(isPublic(name) && { security: [] }),
      responses: {
        '200': { description: 'OK', content: answer },
        '400': problem('A parameter or the body is invalid'),
        '401': problem('HTTP_TOKEN is required'),
        ...(parameters.length > 0 && { '404': problem('It does not exist') }),
        ...(endpoint.method === 'post' && { '403': problem('The client may not do this') }),
        ...(endpoint.acts && {
          '409': { description: 'Refused, with the reason', content: answer },
        }),
      },
    };
    paths[path] = { ...paths[path], [endpoint.method]: operation };
  }
  paths[`${API}/events`] = {
    get: {
      operationId: 'events',
      summary: 'what changes, as Server-Sent Events; resumes after Last-Event-ID',
      responses: {
        '200': {
          description: 'Events ready, changed and reset; the data of each is JSON',
          content: { 'text/event-stream': { schema: Changed } },
        },
      },
    },
  };
  return createDocument({
    openapi: '3.1.0',
    info: { title: 'Container Doctor', version, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { session: [] }, {}],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'HTTP_TOKEN; required if it is set' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'container_doctor_8080',
          description: 'After signing in; the number is the port. Posts need the header X-CSRF-Token as well',
        },
      },
    },
  });
}

function isPublic(name: EndpointName): boolean {
  return name === 'session' || name === 'signIn';
}
