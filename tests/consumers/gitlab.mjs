// Runs the jobs of examples/ci/gitlab against a sandbox. gitlab-ci-local, which reads the file as GitLab does, tells which jobs a pipeline
// has and what they are with everything inherited; their scripts run under bash, each in a clone of its own with the artifacts it needs.
import {execFileSync, spawn} from 'node:child_process';
import {cpSync, existsSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {parse} from 'yaml';
import {ci, clean, end, folder, git, here, hold, lay, mesh, sandbox} from './lib.mjs';

const file = readFileSync(join(ci, 'gitlab', '.gitlab-ci.yml'), 'utf8');
const repository = folder('repository');
git(repository, 'init', '-q', '-b', 'main');
git(repository, 'remote', 'add', 'origin', 'https://gitlab.example.com/acme/mesh.git');
lay(repository, {...mesh.before, '.gitlab-ci.yml': file});
git(repository, 'add', '.');
git(repository, 'commit', '-qm', 'before');
const base = git(repository, 'rev-parse', 'HEAD');
git(repository, 'checkout', '-qb', 'topic');
lay(repository, mesh.after);
git(repository, 'commit', '-qam', 'after');

/** What gitlab-ci-local makes of the file in a pipeline with these variables. */
function reader(branch, variables, what) {
  git(repository, 'checkout', '-q', branch);
  const words = Object.entries(variables).flatMap(([name, text]) => (text === null ? ['--unset-variable', name] : ['--variable', `${name}=${text}`]));
  const program = join(here, 'node_modules', 'gitlab-ci-local', 'src', 'index.js');
  const env = clean({GIT_CONFIG_COUNT: '2', GIT_CONFIG_KEY_0: 'user.name', GIT_CONFIG_VALUE_0: 'a', GIT_CONFIG_KEY_1: 'user.email', GIT_CONFIG_VALUE_1: 'a@example.com'});
  env.PATH = `${dirname(process.execPath)}:${env.PATH}`;
  const told = execFileSync(process.execPath, [program, what, ...words], {cwd: repository, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']});
  return told.slice(told.search(/^(\[|---)$/m)); // it may warn first
}

function shell(script, at, env) {
  return new Promise((done) => {
    const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', script], {cwd: at, env, stdio: ['ignore', 'pipe', 'pipe']});
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => { log += bytes; });
    child.on('close', (code) => done({code, log}));
  });
}

/** A pipeline: its jobs in their order, each with its log, exit code and artifacts. */
async function pipeline(branch, variables, environments) {
  const jobs = JSON.parse(reader(branch, variables, '--list-json')).filter((job) => job.when !== 'never');
  const whole = parse(reader(branch, variables, '--preview'));
  const told = {};
  for (const {name} of jobs) {
    const job = whole[name], at = folder(name);
    const needs = (job.needs ?? []).map((need) => need.job ?? need);
    if (needs.some((need) => told[need]?.code !== 0)) continue;
    const own = {...whole.variables, ...job.variables};
    if (own.GIT_STRATEGY !== 'none') git(at, 'clone', '-q', '--branch', branch, `file://${repository}`, '.');
    for (const need of needs) for (const path of told[need].artifacts) cpSync(join(told[need].at, path), join(at, path));
    // A runner clones as another user than the image's.
    const predefined = {CI: 'true', GITLAB_CI: 'true', CI_PROJECT_DIR: at, GIT_TEST_ASSUME_DIFFERENT_OWNER: '1'};
    const set = Object.fromEntries(Object.entries({...own, ...predefined, ...variables, ...environments[job.environment?.name]}).filter(([, text]) => text !== null).map(([key, text]) => [key, String(text?.value ?? text)]));
    const ran = await shell([job.before_script ?? [], job.script].flat().join('\n'), at, clean(set));
    const {artifacts = {}} = job;
    const wanted = [...(artifacts.paths ?? []), artifacts.reports?.terraform ?? []].flat();
    const there = wanted.filter((path) => existsSync(join(at, path)));
    // A failed job keeps its artifacts only where it says so.
    told[name] = {...ran, at, artifacts: ran.code === 0 || artifacts.when === 'always' ? there : [], missing: wanted.filter((path) => !there.includes(path))};
  }
  return told;
}

const controller = await sandbox();
const host = {CONTROLLER_HOST: controller.url};
const environments = {'mesh/read': {CONTROLLER_OAUTH_TOKEN: controller.read}, 'mesh/write': {CONTROLLER_OAUTH_TOKEN: controller.write}};
const request = {CI_PIPELINE_SOURCE: 'merge_request_event', CI_COMMIT_BRANCH: null, CI_MERGE_REQUEST_DIFF_BASE_SHA: base};
const push = {CI_PIPELINE_SOURCE: 'push', CI_COMMIT_BRANCH: 'main', CI_DEFAULT_BRANCH: 'main'};
const night = {...push, CI_PIPELINE_SOURCE: 'schedule'};
const read = (job, path) => readFileSync(join(job.at, path), 'utf8');
const names = (told) => Object.keys(told).join(' ');
const green = (told, wanted) => {
  hold(names(told) === wanted, `the jobs are ${names(told)} and not ${wanted}`);
  for (const [name, job] of Object.entries(told)) hold(job.code === 0 && job.missing.length === 0, `${name} ends with ${job.code}, without ${job.missing}: ${job.log}`);
};

// What was merged is planned, saved and applied.
green(await pipeline('main', {...push, ...host}, environments), 'plan-merged apply');
hold(await controller.instance('exec-2.example.com'), 'the apply made no instance');

// A merge request, of a branch and of a fork.
for (const [given, name] of [[host, 'plan'], [{}, 'plan-offline'], [{CONTROLLER_HOST: ''}, 'plan-offline']]) {
  const told = await pipeline('topic', {...request, ...given}, environments);
  green(told, name);
  const count = told[name] && JSON.parse(read(told[name], 'plan.json'));
  hold(JSON.stringify(count) === '{"create":1,"update":0,"delete":0}', `${name} counts ${JSON.stringify(count)}`);
  hold(told[name] && read(told[name], 'plan.md').includes('exec-3.example.com'), `${name} has no plan in its artifact`);
}

// What is wrong is red, and says why; GitLab has nothing to count.
git(repository, 'checkout', '-qb', 'broken', 'topic');
lay(repository, {'mesh/site.yaml': 'instances: 7\n'});
git(repository, 'commit', '-qam', 'broken');
const {plan: broken} = await pipeline('broken', {...request, ...host}, environments);
hold(broken.code === 1 && broken.missing.length === 0, `a broken configuration ends with ${broken.code}: ${broken.log}`);
hold(read(broken, 'plan.json') === '' && read(broken, 'plan.md').length > 0, 'the reports of a plan that failed are not as the file says');

// At night.
green(await pipeline('main', {...night, ...host}, environments), 'drift');
await controller.change('exec-2.example.com', {enabled: false}, 'alice');
const {drift} = await pipeline('main', {...night, ...host}, environments);
hold(drift.code === 2 && drift.missing.length === 0, `drift ends with ${drift.code}: ${drift.log}`);
hold(read(drift, 'drift.json').includes('alice'), 'the report does not say who');

// A controller that is not there can be told from drift, since it may be tried again.
const unseen = await pipeline('main', {...night, CONTROLLER_HOST: 'http://127.0.0.1:1'}, environments);
hold(unseen.drift.code === 3, `an unseen controller ends with ${unseen.drift.code}`);
hold(JSON.parse(read(unseen.drift, 'drift.json')).error?.exit === 3, 'the report of a run that failed does not say so');

await controller.stop();
end('GitLab: plan, apply and drift ran as in the pipeline');
