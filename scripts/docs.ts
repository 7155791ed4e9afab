/** `npm run docs`: writes the documents that are generated from the code. A test fails if one is out of date. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { policyJsonSchema } from '../src/config/policy/schema.ts';
import { webhookJsonSchema } from '../src/notifiers/webhook/event.ts';
import { alertPicture } from './alert-picture.ts';
import { settingsPage } from './settings-page.ts';

/** Path in the repository → content. */
export function generatedDocs(): Readonly<Record<string, string>> {
  return {
    'docs/settings.md': settingsPage(),
    'docs/policy.schema.json': `${JSON.stringify(policyJsonSchema(), null, 2)}\n`,
    'docs/webhook.schema.json': `${JSON.stringify(webhookJsonSchema(), null, 2)}\n`,
    'docs/images/alert.svg': alertPicture(),
  };
}

if (import.meta.main) {
  const repository = fileURLToPath(new URL('../', import.meta.url));
  for (const [file, content] of Object.entries(generatedDocs())) {
    const target = path.join(repository, file);
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, content);
  }
}
