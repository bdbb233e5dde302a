// What the checks of the pipelines share: a sandbox to aim at, folders, and what was wrong.
import {spawn, execFileSync} from 'node:child_process';
import {mkdtempSync, mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {createInterface} from 'node:readline';
import {tmpdir} from 'node:os';
import {dirname, join, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';

export const here = dirname(fileURLToPath(import.meta.url));
export const root = resolve(here, '..', '..');
export const ci = join(root, 'examples', 'ci');
export const meshform = resolve(process.argv[2] ?? join(root, 'target', 'release', 'meshform'));

process.setMaxListeners(0); // each folder and sandbox has one
let failures = 0;
/** Says what is not as it must be; the run goes on. */
export const fail = (text) => { failures++; console.log(`FAIL ${text}`); };
/** Holds that something is so. */
export const hold = (so, text) => { if (!so) fail(text); };
/** Ends a check with what it found. */
export const end = (text) => { console.log(failures ? `${failures} failures` : text); process.exit(failures ? 1 : 0); };

/** A new folder, which goes when the check ends. */
export function folder(name) {
  const at = mkdtempSync(join(tmpdir(), `meshform-${name}-`));
  process.on('exit', () => rmSync(at, {recursive: true, force: true}));
  return at;
}

/** The environment of a job: what the system sets, and nothing of whoever runs the check. */
export const clean = (extra = {}) => ({PATH: `${dirname(meshform)}:/usr/local/bin:/usr/bin:/bin`, HOME: folder('home'), LC_ALL: 'C.UTF-8', ...extra});

/** Writes files, whose folders are made. */
export function lay(at, files) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(at, name)), {recursive: true});
    writeFileSync(join(at, name), text);
  }
}

export function git(at, ...words) {
  const who = {GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@example.com', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@example.com'};
  return execFileSync('git', words, {cwd: at, env: clean(who), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']}).trim();
}

/** A sandbox: its address, a token of each scope, and how to ask and end it. */
export async function sandbox(...words) {
  const child = spawn(meshform, ['sandbox', '--listen', '127.0.0.1:0', ...words], {stdio: ['ignore', 'pipe', 'inherit'], env: clean()});
  process.on('exit', () => child.kill());
  const url = await new Promise((done, broken) => {
    createInterface(child.stdout).once('line', (line) => done(line.replace('listening on ', '')));
    child.once('exit', (code) => broken(new Error(`the sandbox ended with ${code}`)));
  });
  const ask = async (method, path, body, who = 'admin') => {
    const headers = {Authorization: `Basic ${btoa(`${who}:password`)}`, 'Content-Type': 'application/json'};
    const answer = await fetch(url + path, {method, headers, body: body && JSON.stringify(body)});
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? null : answer.json();
  };
  const user = (username, rights) => ask('POST', '/api/v2/users/', {username, password: 'password', ...rights});
  await user('auditor', {is_system_auditor: true});
  await user('robot', {is_superuser: true});
  await user('alice', {is_superuser: true});
  const read = (await ask('POST', '/api/v2/tokens/', {scope: 'read'}, 'auditor')).token;
  const write = (await ask('POST', '/api/v2/tokens/', {scope: 'write'}, 'robot')).token;
  const instance = async (hostname) => (await ask('GET', `/api/v2/instances/?hostname=${hostname}`)).results[0];
  const change = async (hostname, fields, who) => ask('PATCH', `/api/v2/instances/${(await instance(hostname)).id}/`, fields, who);
  return {url, read, write, ask, instance, change, stop: () => new Promise((done) => { child.once('exit', done); child.kill(); })};
}

/** The mesh of these checks, as it was and as a pull request has it. */
export const mesh = {
  before: {'mesh/meshform.yaml': 'owns: ["*.example.com"]\napplied_by: robot\n', 'mesh/site.yaml': `instances:
  - hostname: hop-1.example.com
    node_type: hop
    listener_port: 27199
    peers_from_control_nodes: true
  - hostname: exec-[1:2].example.com
    enabled: true
    peers: [hop-1.example.com]
`},
  after: {'mesh/site.yaml': `instances:
  - hostname: hop-1.example.com
    node_type: hop
    listener_port: 27199
    peers_from_control_nodes: true
  - hostname: exec-[1:3].example.com
    enabled: true
    peers: [hop-1.example.com]
`},
};
