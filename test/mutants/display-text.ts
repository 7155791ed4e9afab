/**
 * Mutants that mutation testing leaves out: changes to text that only people read. No decision depends on it, and a test
 * that repeats a sentence proves nothing. Text in which a name or number matters is tested where it is shown.
 */
import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

interface Named {
  readonly type?: string;
  readonly name?: string;
}

interface Path {
  readonly node: object;
  readonly parentPath: Path | null;
  isStringLiteral(): boolean;
  isTemplateLiteral(): boolean;
  isCallExpression(): boolean;
  isArrayExpression(): boolean;
  get(key: string): Path;
  toString(): string;
}

/** Properties whose values are for display, as their types say. */
const DISPLAY_PROPERTIES: ReadonlySet<string> = new Set([
  'summary',
  'detail',
  'asks',
  'patterns',
  'rootCause',
  'suggestedFix',
  'estimatedImpact',
]);

/** Functions whose argument is for display. */
const SUBJECT_CALLS: ReadonlyMap<string, string> = new Map([
  ['keep', 'The subject of a line in the log of the agent.'],
  ['logged', 'The subject of a line in the log of the agent.'],
  ['warn', 'A line in the log of the agent.'],
  ['silent', 'The state of a container, in words for people.'],
  ['loud', 'The state of a container, in words for people.'],
]);

/** Functions that only make sentences. */
const DISPLAY_FUNCTIONS: ReadonlySet<string> = new Set(['meaningOf', 'describeCause']);

/** Nodes between a text and the call, property or function that says what it is for. */
const TRANSPARENT: ReadonlySet<string> = new Set([
  'ArrayExpression',
  'BlockStatement',
  'ConditionalExpression',
  'IfStatement',
  'LogicalExpression',
  'ObjectExpression',
  'ReturnStatement',
  'TemplateLiteral',
  'VariableDeclaration',
  'VariableDeclarator',
]);

const isText = (path: Path): boolean => path.isStringLiteral() || path.isTemplateLiteral();

export const strykerPlugins = [
  declareValuePlugin(PluginKind.Ignore, 'display-text', {
    shouldIgnore(nodePath) {
      const path = nodePath as unknown as Path;
      if (path.isCallExpression()) {
        const callee = path.get('callee').toString();
        if (/^(?:deps\.)?logger\.\w+$/.test(callee)) return 'A line in the log of the agent.';
      }
      return isText(path) || path.isArrayExpression() ? reasonToIgnore(path) : undefined;
    },
  }),
];

/** By what surrounds the text: a call, a property or a function. */
function reasonToIgnore(text: Path): string | undefined {
  for (let path = text.parentPath; path !== null; path = path.parentPath) {
    const { type, key, id } = path.node as { type: string; key?: Named; id?: Named };
    if (type === 'CallExpression') return SUBJECT_CALLS.get(path.get('callee').toString());
    // The table of a display function: a number and its text.
    if (type === 'ObjectProperty' && key?.type === 'NumericLiteral') continue;
    if (type === 'ObjectProperty') return DISPLAY_PROPERTIES.has(key?.name ?? '') ? 'Text for people.' : undefined;
    if (type === 'FunctionDeclaration') return DISPLAY_FUNCTIONS.has(id?.name ?? '') ? 'Text for people.' : undefined;
    // What is compared or assigned is data.
    if (!TRANSPARENT.has(type)) return undefined;
  }
  return undefined;
}
