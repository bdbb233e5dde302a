// Asks yaml-language-server, the engine behind YAML in editors, what it underlines in each snippet of snippets.yaml, and the built
// meshform (its path is the argument) what it says; prints what differs and how many agree. Fails where one refuses what the other
// takes, but for what the table says to be beyond a schema. Then it underlines nothing in the examples, and completes keys.
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import server from 'yaml-language-server';
import {TextDocument} from 'vscode-languageserver-textdocument';
import {parse} from 'yaml';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const meshform = process.argv[2] ?? join(root, 'target', 'release', 'meshform');
const schema = readFileSync(join(root, 'schemas', 'mesh.schema.json'), 'utf8');

const quiet = {sendTelemetry() {}, send() {}, sendError() {}, sendTrack() {}};
const service = server.getLanguageService({
  schemaRequestService: async () => schema,
  workspaceContext: {resolveRelativePath: (path) => path},
  telemetry: quiet,
});
service.configure({validate: true, completion: true, schemas: [{uri: 'file:///mesh.schema.json', fileMatch: ['*.yaml']}], yamlVersion: '1.2'});

let count = 0;
const open = (text) => TextDocument.create(`file:///mesh-${count++}.yaml`, 'yaml', 1, text);
const underlined = async (text) => (await service.doValidation(open(text), false)).map((d) => d.message);

const folder = mkdtempSync(join(tmpdir(), 'meshform-'));
function refused(text) {
  const path = join(folder, 'mesh.yaml');
  writeFileSync(path, text);
  try {
    execFileSync(meshform, ['validate', path], {stdio: 'ignore'});
    return false;
  } catch (error) {
    if (error.status === 1) return true;
    throw error;
  }
}

let failures = 0;
const fail = (text) => { failures++; console.log(`FAIL ${text}`); };
const rows = parse(readFileSync(join(here, 'snippets.yaml'), 'utf8'));
let agree = 0, beyond = 0;
for (const row of rows) {
  const found = await underlined(row.yaml);
  const editor = found.length > 0, program = refused(row.yaml);
  if (program === row.good) fail(`${row.name}: meshform ${program ? 'refuses' : 'takes'} it`);
  if (row.beyond) {
    beyond++;
    if (editor) fail(`${row.name}: the editor underlines it after all: ${found[0]}`);
  } else if (editor === program) {
    agree++;
  } else {
    fail(`${row.name}: meshform ${program ? 'refuses' : 'takes'} it, the editor says ${found[0] ?? 'nothing'}`);
  }
}
console.log(`${agree} of ${rows.length - beyond} snippets: meshform and the editor agree; ${beyond} more are beyond a schema.`);

for (const file of readdirSync(join(root, 'examples'), {recursive: true}).filter((file) => file.endsWith('.yaml') && !file.startsWith('ci/'))) {
  const found = await underlined(readFileSync(join(root, 'examples', file), 'utf8'));
  if (found.length > 0) fail(`examples/${file}: ${found[0]}`);
}

for (const [text, wanted] of [
  ['', ['instances', 'overrides', 'owns', 'defaults']],
  ['instances:\n  - ', ['hostname']],
  ['instances:\n  - hostname: a.example.com\n    ', ['listener_port', 'peers_from_control_nodes', 'protect']],
  ['instances:\n  - hostname: a.example.com\n    node_type: ', ['hop', 'execution']],
]) {
  const document = open(text);
  const {items} = await service.doComplete(document, document.positionAt(text.length), false);
  const offered = items.map((item) => item.label);
  for (const word of wanted.filter((word) => !offered.includes(word))) fail(`${JSON.stringify(text)} does not complete ${word}`);
}
process.exit(failures > 0 ? 1 : 0);
