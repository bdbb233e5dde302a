// Runs the workflows of examples/ci/github, and through them action.yml, against a sandbox, as GitHub would: each `run:` under bash, the
// comment by GitHub's own client against a small imitation of its API.
import {createServer} from 'node:http';
import {createRequire} from 'node:module';
import {chmodSync, cpSync, existsSync, readFileSync} from 'node:fs';
import {basename, join} from 'node:path';
import {getOctokit} from '@actions/github';
import {commands} from './commands.mjs';
import {ci, clean, end, folder, git, hold, lay, mesh, meshform, sandbox} from './lib.mjs';
import {workflow} from './runner.mjs';

const files = Object.fromEntries(['plan', 'apply', 'drift'].map((name) => [name, join(ci, 'github', `mesh-${name}.yml`)]));
const marked = (text) => text.startsWith('<!--');

const bot = {login: 'github-actions[bot]', type: 'Bot'};
/** The comments of a pull request, after 120 of others, one of whom wrote our marker; `reader` plays a token that may only read. */
async function comments({reader = false, user = bot} = {}) {
  const all = Array.from({length: 120}, (_, id) => ({id, user: {login: 'mallory', type: 'User'}, body: `<!-- meshform:plan:mesh -->\ncomment ${id}`}));
  const server = createServer(async (request, answer) => {
    const url = new URL(request.url, 'http://localhost');
    let text = '';
    for await (const bytes of request) text += bytes;
    const reply = (status, body, headers = {}) => answer.writeHead(status, {'content-type': 'application/json', ...headers}).end(JSON.stringify(body));
    if (url.pathname === '/graphql') return reply(200, {data: {viewer: {login: user.login}}});
    if (request.method !== 'GET' && reader) return reply(403, {message: 'Resource not accessible by integration'});
    if (request.method === 'GET') {
      const size = Number(url.searchParams.get('per_page')), page = Number(url.searchParams.get('page') ?? 1);
      const next = new URL(url);
      next.host = request.headers.host;
      next.searchParams.set('page', page + 1);
      return reply(200, all.slice((page - 1) * size, page * size), page * size < all.length ? {link: `<${next}>; rel="next"`} : {});
    }
    const {body} = JSON.parse(text);
    if (request.method === 'POST') return all.push({id: all.length, user, body}), reply(201, {});
    all.find((one) => one.id === Number(basename(url.pathname))).body = body;
    return reply(200, {});
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {api: `http://127.0.0.1:${server.address().port}`, ours: () => all.filter((one) => one.user === user).map((one) => one.body), stop: () => server.close()};
}

/** What the actions of others do, as far as these workflows need it. */
function played(world) {
  const artifacts = {}, alerts = [], notes = [];
  const actions = {
    'actions/checkout': (given, {workspace}) => {
      hold(given['persist-credentials'] === 'false', 'a checkout leaves its token on the disk');
      git(workspace, 'init', '-q');
      git(workspace, 'fetch', '-q', '--depth', given['fetch-depth'] ?? '1', `file://${world.repository}`, world.ref);
      git(workspace, 'checkout', '-q', 'FETCH_HEAD');
    },
    'actions/github-script': async (given, {env, permissions}) => {
      hold(permissions['pull-requests'] === 'write', 'a job comments without the permission');
      const github = getOctokit(given['github-token'], {baseUrl: world.comments.api, log: {debug() {}, info() {}, warn() {}, error() {}}});
      const context = {repo: {owner: 'acme', repo: 'mesh'}, issue: {number: 7}};
      const core = Object.fromEntries(['notice', 'warning'].map((kind) => [kind, (text) => { notes.push(`${kind}: ${text}`); }]));
      Object.assign(process.env, {MARKDOWN: env.MARKDOWN, KEY: env.KEY});
      const AsyncFunction = (async () => {}).constructor;
      await new AsyncFunction('github', 'context', 'core', 'require', given.script)(github, context, core, createRequire(import.meta.url));
    },
    'actions/upload-artifact': (given, {workspace}) => {
      const paths = given.path.split('\n').filter(Boolean).map((path) => join(workspace, path));
      const there = paths.filter((path) => existsSync(path));
      artifacts[given.name] = there;
      return {code: given['if-no-files-found'] === 'error' && there.length < paths.length ? 1 : 0};
    },
    'actions/download-artifact': (given, {workspace}) => {
      for (const path of artifacts[given.name] ?? []) cpSync(path, join(workspace, basename(path)));
      return {code: artifacts[given.name] ? 0 : 1};
    },
    'github/codeql-action/upload-sarif': (given, {workspace, permissions}) => {
      hold(permissions['security-events'] === 'write', 'a job uploads alerts without the permission');
      alerts.push(JSON.parse(readFileSync(join(workspace, given.sarif_file), 'utf8')));
    },
  };
  return {artifacts, alerts, notes, actions};
}

const repository = folder('repository');
git(repository, 'init', '-q', '-b', 'main');
lay(repository, mesh.before);
git(repository, 'add', '.');
git(repository, 'commit', '-qm', 'before');
git(repository, 'checkout', '-qb', 'topic');
lay(repository, mesh.after);
git(repository, 'commit', '-qam', 'after');
git(repository, 'checkout', '-qb', 'broken');
lay(repository, {'mesh/site.yaml': 'instances:\n  - hostname: exec-1.example.com\n    enabeld: true\n'});
git(repository, 'commit', '-qam', 'broken');
git(repository, 'checkout', '-qb', 'elsewhere', 'topic');
lay(repository, {'mesh/meshform.yaml': `controller: https://elsewhere.example.com\n${mesh.before['mesh/meshform.yaml']}`});
git(repository, 'commit', '-qam', 'elsewhere');
for (const [branch, merge] of [['topic', 'merge'], ['broken', 'merge-broken']]) {
  git(repository, 'checkout', '-qb', merge, 'main');
  git(repository, 'merge', '-q', '--no-ff', '-m', 'merge', branch);
}

const controller = await sandbox();
const {url} = controller;
const vars = {CONTROLLER_HOST: url};
const secrets = {MESH_PLAN_TOKEN: controller.read};
const environments = {mesh: {MESH_APPLY_TOKEN: controller.write}};
const pull = (head) => ({event_name: 'pull_request', event: {pull_request: {number: 7, head: {repo: {full_name: head}}}}});
const push = {event_name: 'push', event: {}};
async function run(name, ref, github, {file = files[name], ...more} = {}) {
  const world = {repository, ref, github, binary: meshform, env: clean(), vars, secrets, environments, comments: null, ...more};
  Object.assign(world, played(world));
  return {jobs: await workflow(file, world), ...world};
}
const step = (job, name) => job.ran?.find((one) => one.name === name || one.uses === name);
const of = (job) => step(job, 'OWNER/meshform@v0.1.0') ?? job.ran?.find((one) => one.uses?.startsWith('OWNER/'));
const annotations = (job) => commands(job.log).map(({name}) => name);
const names = async () => (await controller.ask('GET', '/api/v2/instances/?page_size=200')).results.map((one) => one.hostname);

// Nothing is there yet: the merge of `main` is planned, saved and applied, and the read token alone could not have.
{
  const {jobs, artifacts} = await run('apply', 'main', push);
  hold(jobs.plan.outputs['exit-code'] === '2', `the first plan ends with ${jobs.plan.outputs['exit-code']}: ${of(jobs.plan)?.errors}`);
  hold(jobs.apply.result === 'success', `the first apply: ${jobs.apply.log}`);
  hold(jobs.expected.result === 'skipped', 'a push runs the job of a digest');
  hold((await names()).includes('exec-2.example.com'), 'the apply made no instance');
  const [outcome] = artifacts['mesh-outcome'] ?? [];
  hold(outcome && JSON.parse(readFileSync(outcome, 'utf8')).format_version, 'the apply left no outcome');
  hold(jobs.apply.summary.length > 0, 'the apply left no summary');
  const again = (await run('apply', 'main', push)).jobs;
  hold(again.plan.outputs['exit-code'] === '0' && again.apply.result === 'skipped', 'a merge that changes nothing is applied');
}

// A branch of the repository: the controller is asked, and one comment is kept.
{
  const api = await comments();
  const {jobs} = await run('plan', 'merge', pull('acme/mesh'), {comments: api});
  hold(jobs.live.result === 'success' && jobs.offline.result === 'skipped', `a branch's plan: ${jobs.live.result}, ${jobs.live.log}`);
  hold(jobs.live.log.includes('exec-3.example.com'), 'the log has no plan');
  const [first] = api.ours();
  hold(api.ours().length === 1 && marked(first) && first.includes('exec-3.example.com'), `the comment is ${first}`);
  hold(jobs.live.summary.includes('exec-3.example.com'), 'the summary has no plan');
  hold(annotations(jobs.live).length > 0 && annotations(jobs.live).every((name) => ['notice', 'warning', 'error'].includes(name)), `commands: ${annotations(jobs.live)}`);
  const broken = (await run('plan', 'merge-broken', pull('acme/mesh'), {comments: api})).jobs;
  hold(broken.live.result === 'failure' && broken.live.code === 1, 'a broken configuration is green');
  hold(annotations(broken.live).includes('error'), `a broken configuration has no annotation: ${broken.live.log}`);
  const [second, ...others] = api.ours();
  hold(others.length === 0 && marked(second) && second !== first, 'the comment was not kept up to date');
  api.stop();
}

// A person's token, and one folder that is planned for two controllers: each has its comment, which is kept.
{
  const api = await comments({user: {login: 'carol', type: 'User'}});
  const text = readFileSync(files.plan, 'utf8'), keyed = folder('keyed');
  for (const key of ['emea', 'apac']) {
    lay(keyed, {[`${key}.yml`]: text.replaceAll(/^( *)comment: true$/gm, `$1comment: true\n$1comment-key: ${key}`)});
    for (const ref of ['merge', 'merge-broken']) await run('plan', ref, pull('acme/mesh'), {file: join(keyed, `${key}.yml`), comments: api});
  }
  const found = api.ours();
  hold(found.length === 2 && found.every(marked), `two controllers have ${found.length} comments: ${found.join('\n')}`);
  hold(new Set(found.map((body) => body.split('\n', 1)[0])).size === 2, 'two controllers share a comment');
  hold(found.every((body) => !body.includes('exec-3.example.com')), 'a comment was not kept up to date');
  api.stop();
}

// A fork, and a repository without a controller: no variable, no secret, and of a fork a token that reads.
for (const [head, given, reader] of [['mallory/mesh', vars, true], ['acme/mesh', {}, false]]) {
  const api = await comments({reader});
  const {jobs, notes} = await run('plan', 'merge', pull(head), {vars: given, secrets: {}, environments: {}, comments: api});
  hold(jobs.live.result === 'skipped' && jobs.offline.result === 'success', `${head}: ${jobs.offline.result}, ${jobs.offline.log}`);
  hold(jobs.offline.summary?.includes('exec-3.example.com') && !jobs.offline.summary.includes('exec-2.example.com'), `${head}: no plan in the summary`);
  hold(api.ours().length === (reader ? 0 : 1), `${head}: ${api.ours().length} comments`);
  hold(!reader || notes.some((note) => note.startsWith('notice')), `${head}: nothing said about the comment`);
  api.stop();
}

// A digest that was reviewed, and another.
{
  const dispatch = (expect) => run('apply', 'merge', {event_name: 'workflow_dispatch', event: {}}, {inputs: {expect}});
  const wrong = (await dispatch('00000000')).jobs;
  hold(wrong.expected.result === 'failure' && wrong.expected.code === 4, `a wrong digest ends with ${wrong.expected.code}`);
  hold(!(await names()).includes('exec-3.example.com'), 'a wrong digest was applied');
  const empty = (await dispatch('')).jobs;
  hold(empty.expected.result === 'failure' && empty.expected.code === 1, `an empty digest ends with ${empty.expected.code}: ${empty.expected.log}`);
  hold(!(await names()).includes('exec-3.example.com'), 'without a digest the plan was applied');
  const hostile = `"; touch ${join(repository, 'pwned')}; echo "$(touch ${join(repository, 'pwned')})`;
  const shell = (await dispatch(hostile)).jobs;
  hold(shell.expected.result === 'failure' && !existsSync(join(repository, 'pwned')), 'an input reached a shell');
}

// At night: alice's hand is drift; what is merged and not applied is none.
{
  const quiet = await run('drift', 'merge', {event_name: 'schedule', event: {}});
  hold(quiet.jobs.drift.result === 'success', `without drift: ${quiet.jobs.drift.code} ${quiet.jobs.drift.log}`);
  await controller.change('exec-2.example.com', {enabled: false}, 'alice');
  const {jobs, artifacts, alerts} = await run('drift', 'merge', {event_name: 'schedule', event: {}}, {vars: {...vars, MESH_CODE_SCANNING: 'true'}});
  hold(jobs.drift.code === 2, `drift ends with ${jobs.drift.code}: ${jobs.drift.log}`);
  hold(jobs.drift.log.includes('alice'), 'the log does not say who');
  hold(annotations(jobs.drift).length > 0, 'drift has no annotation');
  hold(artifacts['mesh-drift']?.length === 2, 'the reports were not kept');
  hold(alerts.length === 1 && alerts[0].version === '2.1.0', 'no alert');
  // A run that saw nothing would close them.
  for (const [ref, more, code] of [['merge-broken', {}, 1], ['merge', {secrets: {MESH_PLAN_TOKEN: 'nonsense'}}, 3], ['elsewhere', {}, 4]]) {
    const failed = await run('drift', ref, {event_name: 'schedule', event: {}}, {vars: {...vars, MESH_CODE_SCANNING: 'true'}, ...more});
    hold(failed.jobs.drift.code === code, `${ref} ends with ${failed.jobs.drift.code} and not ${code}: ${failed.jobs.drift.log}`);
    hold(failed.alerts.length === 0 && failed.artifacts['mesh-drift']?.length === 2, `a run that ended with ${code} uploads its findings as alerts`);
  }
}

// The merge leaves alice's hand alone.
{
  const {jobs} = await run('apply', 'merge', push);
  hold(jobs.apply.result === 'success', `the apply of the merge: ${jobs.apply.log}`);
  hold((await names()).includes('exec-3.example.com'), 'the merge was not applied');
  hold((await controller.instance('exec-2.example.com')).enabled === false, 'an unrelated merge undid what somebody did by hand');
}

// Without a binary one is built, by the action's own commands, and a later run finds it in the cache.
{
  const api = await comments();
  const bin = folder('cargo'), built = folder('built');
  lay(bin, {cargo: `#!/bin/bash\nprintf '%s\\n' "$@" >> "${built}/words"\nmkdir -p "\${@: -1}/bin" && cp "${meshform}" "\${@: -1}/bin/meshform"\n`});
  chmodSync(join(bin, 'cargo'), 0o755);
  const env = clean({});
  env.PATH = `${bin}:${env.PATH}`;
  const world = {repository, ref: 'merge', github: pull('acme/mesh'), env, vars, secrets, comments: api};
  Object.assign(world, played(world));
  world.actions['actions/cache'] = (given) => { hold(/^meshform-Linux-X64-[0-9a-f]{32}$/.test(given.key), `the key of the cache is ${given.key}`); };
  const jobs = await workflow(files.plan, world);
  hold(jobs.live.result === 'success', `with a build of its own: ${jobs.live.errors ?? ''}${jobs.live.log}`);
  hold(readFileSync(join(built, 'words'), 'utf8').startsWith('install\n--locked\n--path\n'), 'it was not installed by cargo');
  api.stop();
}

await controller.stop();
end('GitHub: plan, apply and drift ran as in the workflows');
