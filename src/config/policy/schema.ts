/** The schema of the policy file, built from the table of policy settings. */
import { z } from 'zod';
import type { Rule } from '../../pipeline/policy/resolve.ts';
import { POLICY_KEYS, POLICY_SETTINGS, type Policy, type PolicyKey } from '../../pipeline/policy/settings.ts';

const globs = (what: string) =>
  z
    .union([z.string().trim().min(1).max(256), z.array(z.string().trim().min(1).max(256)).min(1).max(256)])
    .describe(`${what}; a glob (* and ?) or a list of globs`);

const match = z
  .strictObject({
    name: globs('the name of the container').optional(),
    image: globs('the image: in full, without the tag, or without registry and tag').optional(),
    project: globs('the Compose project').optional(),
    service: globs('the Compose service').optional(),
    label: globs('a label, as name or name=value').optional(),
  })
  .refine((fields) => Object.values(fields).some((field) => field !== undefined), {
    error: 'must have at least one of name, image, project, service and label (name: "*" matches every container)',
  })
  .describe('The containers that the rule applies to: all fields must match.')
  .meta({ minProperties: 1 });

function schemaOf(key: PolicyKey): z.ZodType {
  const { shape, allowed, about } = POLICY_SETTINGS[key];
  const error = `must be ${allowed}`;
  switch (shape.kind) {
    case 'flag':
      return z.boolean({ error }).describe(about);
    case 'choice':
      return z.enum(shape.values as [string, ...string[]], { error }).describe(about);
    case 'integer':
      return z.int({ error }).min(shape.min, { error }).max(shape.max, { error }).describe(about);
    case 'hours':
      return z
        .string({ error })
        .regex(shape.form, { error })
        .refine((text) => POLICY_SETTINGS[key].parse(text) !== undefined, { error })
        .describe(`${about}: ${allowed}`);
    case 'patterns':
      return z
        .union([z.string().min(1), z.array(z.string().min(1)).max(256)], {
          error: 'must be an RE2 pattern or a list of patterns',
        })
        .describe(about);
    default:
      return shape satisfies never;
  }
}

const rule = z
  .strictObject({
    match,
    ...Object.fromEntries(POLICY_KEYS.map((key) => [POLICY_SETTINGS[key].name, schemaOf(key).optional()])),
  })
  .refine((written) => Object.keys(written).length > 1, {
    error: `sets nothing; add at least one of ${POLICY_KEYS.map((key) => POLICY_SETTINGS[key].name).join(', ')}`,
  })
  .meta({ minProperties: 2 });

export const policyFileSchema = z.strictObject({
  $schema: z.string().optional().describe('For editors.'),
  rules: z
    .array(rule, { error: 'must be a list of rules' })
    .max(1000)
    .describe('A later rule overrides an earlier one.'),
});

/** The JSON schema for editors, published as docs/policy.schema.json (`npm run docs`). */
export function policyJsonSchema(): object {
  return {
    ...z.toJSONSchema(policyFileSchema, { io: 'input' }),
    title: 'Container Doctor policy',
    description: 'Which containers may be restarted and how each is watched. See docs/policy.md.',
  };
}

type WrittenMatch = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Converts a rule that conforms to the schema. */
export function toRule(written: z.infer<typeof rule>): Rule {
  const fields = Object.entries(written.match as WrittenMatch).flatMap(([field, globs]) =>
    globs === undefined ? [] : [[field, listOf(globs)]],
  );
  const given = written as Readonly<Record<string, unknown>>;
  const set = POLICY_KEYS.flatMap((key) => {
    const value = given[POLICY_SETTINGS[key].name];
    return value === undefined ? [] : [[key, toValue(key, value)]];
  });
  return { match: Object.fromEntries(fields), set: Object.fromEntries(set) as Partial<Policy> };
}

function toValue(key: PolicyKey, value: unknown): unknown {
  const { shape, parse } = POLICY_SETTINGS[key];
  if (shape.kind === 'hours') return parse(value as string);
  return shape.kind === 'patterns' ? listOf(value as string | readonly string[]) : value;
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}
