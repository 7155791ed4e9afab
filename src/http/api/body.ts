import express, { type NextFunction, type Request, type Response } from 'express';

const parseJson = express.json({ limit: '10kb', type: 'application/json' });

/**
 * Reads the body of a post. Only JSON: a form of another site can send other types without asking first, but not this
 * one.
 */
export function readJson(request: Request, response: Response, next: NextFunction): void {
  if (!request.is('application/json')) {
    response.status(415).json({ error: 'the body must be JSON, with Content-Type: application/json' });
    return;
  }
  parseJson(request, response, next);
}
