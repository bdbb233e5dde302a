// Runs the containers of examples/ci/kubernetes against sandboxes, as a kubelet would: volumes laid out as it lays them (a ConfigMap's
// files are links into a hidden folder), variables expanded, as a user without rights (where the check itself runs as root).
import {spawn, spawnSync} from 'node:child_process';
import {chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {parseAllDocuments} from 'yaml';
import {ci, end, folder, git, hold, lay, mesh, meshform, sandbox} from './lib.mjs';

const isRoot = process.getuid() === 0;
const manifests = (name) => parseAllDocuments(readFileSync(join(ci, 'kubernetes', name), 'utf8')).map((one) => one.toJS());

// Where the nobody of these pods finds the program, as in an image.
const image = folder('image');
chmodSync(image, 0o755);
copyFileSync(meshform, join(image, 'meshform'));
chmodSync(join(image, 'meshform'), 0o755);

/** A folder with what it gives to the pod's group. */
function shared(name, user, mode) {
  const at = folder(name);
  if (isRoot) chownSync(at, user, user);
  chmodSync(at, mode);
  return at;
}

/** A volume of a ConfigMap or Secret. */
function projected(name, files, {user, mode = 0o644}) {
  const at = shared(name, user, 0o755), version = join(at, '..2026_11_28_20_00_00.1');
  mkdirSync(version);
  chmodSync(version, 0o755);
  symlinkSync('..2026_11_28_20_00_00.1', join(at, '..data'));
  for (const [key, text] of Object.entries(files)) {
    const file = join(version, key);
    writeFileSync(file, text);
    if (isRoot) chownSync(file, 0, user);
    chmodSync(file, mode);
    symlinkSync(join('..data', key), join(at, key));
  }
  return at;
}

/** Runs a container: its volumes' folders are `at` by name, `more` what the job's controller, or whoever starts it, sets. */
function run(container, pod, at, more) {
  const {securityContext: own = {}} = container, security = pod.securityContext;
  hold(security.runAsNonRoot && own.readOnlyRootFilesystem && own.allowPrivilegeEscalation === false, `${container.name} has rights that it needs not`);
  const mounts = Object.fromEntries(container.volumeMounts.map(({name, mountPath}) => [mountPath, at[name]]));
  const place = (text) => text.replace(/(?<![\w.-])\/[a-z]+(?![\w.-])/g, (path) => mounts[path] ?? path);
  const env = {PATH: `${image}:/usr/local/bin:/usr/bin:/bin`, TMPDIR: '/nowhere', ...more};
  for (const {name, value} of container.env ?? []) env[name] ??= place(value);
  const words = [...container.command, ...(container.args ?? [])].map((word) => place(word.replace(/\$\((\w+)\)/g, (all, name) => env[name] ?? all)));
  const user = String(security.runAsUser);
  const drop = isRoot ? ['setpriv', '--reuid', user, '--regid', user, '--clear-groups', '--no-new-privs', '--'] : [];
  const [program, ...rest] = [...drop, ...words];
  return new Promise((done) => {
    const child = spawn(program, rest, {cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe']});
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => { log += bytes; });
    child.on('close', (code) => done({code, log}));
  });
}

// The CronJob: drift as metrics.
{
  const [cron] = manifests('cronjob.yaml');
  const pod = cron.spec.jobTemplate.spec.template.spec, [container] = pod.containers;
  const user = pod.securityContext.runAsUser;
  const controller = await sandbox();
  const map = Object.fromEntries(Object.entries(mesh.before).map(([name, text]) => [name.replace('mesh/', ''), text]));
  const at = {
    mesh: projected('mesh', map, {user}),
    credentials: projected('credentials', {token: `${controller.read}\n`}, {user, mode: pod.volumes.find(({name}) => name === 'credentials').secret.defaultMode}),
    textfile: shared('textfile', user, 0o755),
  };
  const job = () => run(container, pod, at, {CONTROLLER_HOST: controller.url});
  const metrics = () => (existsSync(join(at.textfile, 'meshform.prom')) ? readFileSync(join(at.textfile, 'meshform.prom'), 'utf8') : '');
  const first = await job();
  hold(first.code === 0, `drift that is only reported ends with ${first.code}: ${first.log}`);
  hold(/^meshform_run_success(\{.*\})? 1$/m.test(metrics()), `the metrics: ${metrics()}`);
  hold(!existsSync(join(at.textfile, 'meshform.prom')) || (statSync(join(at.textfile, 'meshform.prom')).mode & 0o444) === 0o444, 'a node exporter may not read the file');
  const own = at.mesh;
  at.mesh = projected('mesh', {...map, 'meshform.yaml': `controller: https://elsewhere.example.com\n${map['meshform.yaml']}`}, {user});
  const elsewhere = await job();
  hold(elsewhere.code === 4, `another controller's mesh ends with ${elsewhere.code}: ${elsewhere.log}`);
  at.mesh = own;
  await controller.stop();
  const gone = await job();
  hold(gone.code === 3, `without a controller it ends with ${gone.code}: ${gone.log}`);
  hold(/^meshform_run_success(\{.*\})? 0$/m.test(metrics()), `the metrics of a run that failed: ${metrics()}`);
  const rule = cron.spec.jobTemplate.spec.podFailurePolicy.rules[0].onExitCodes;
  hold(rule.containerName === container.name && !rule.values.includes(3), 'what could not be seen is not tried again');
  hold([1, 4].every((code) => rule.values.includes(code)), 'what no second try mends is tried again');
  // So the head says on what to alert beside drift.
  hold(!/^meshform_drift_findings/m.test(metrics()) && /^meshform_run_timestamp_seconds/m.test(metrics()), `the metrics of a run that failed: ${metrics()}`);
}

// The Indexed Job: a fleet of three controllers.
{
  const [{spec: job}, ...others] = manifests('indexed-job.yaml');
  hold(others.length === 0, 'what has a fixed name cannot be created a second time');
  const pod = job.template.spec, user = pod.securityContext.runAsUser;
  hold(String(job.completions) === pod.containers[0].env.find(({name}) => name === 'COMPLETIONS').value, 'completions and COMPLETIONS differ');
  const repository = folder('fleet'), sandboxes = {}, files = {};
  // A folder's name may look like a flag.
  for (const name of ['-amer', 'apac', 'emea']) {
    sandboxes[name] = await sandbox();
    const text = mesh.before['mesh/site.yaml'].replaceAll('example.com', `x${name}.example.com`);
    lay(repository, {[`fleet/${name}/meshform.yaml`]: `controller: ${sandboxes[name].url}\napplied_by: robot\n`, [`fleet/${name}/site.yaml`]: text});
    files[`${name}.cfg`] = `[general]\nhost = ${sandboxes[name].url}\noauth_token = ${sandboxes[name].write}\n`;
  }
  git(repository, 'init', '-q', '-b', 'main');
  git(repository, 'add', '.');
  git(repository, 'commit', '-qm', 'fleet');
  const source = {REPOSITORY: `file://${repository}`, COMMIT: git(repository, 'rev-parse', 'HEAD')};
  // What is merged while the job runs is the next one's.
  git(repository, 'rm', '-qr', 'fleet/emea');
  git(repository, 'commit', '-qm', 'later');
  if (isRoot) spawnSync('chown', ['-R', `${user}:${user}`, repository]); // git refuses a repository of somebody else
  const credentials = projected('credentials', files, {user, mode: 0o440});
  async function completion(index, more = {}) {
    more = {...source, ...more};
    const at = {repository: shared('clone', user, 0o755), credentials};
    for (const container of pod.initContainers) {
      const {code, log} = await run(container, pod, at, more);
      if (code !== 0) return {code, log, cloned: false};
    }
    return run(pod.containers[0], pod, at, {...more, JOB_COMPLETION_INDEX: String(index)});
  }
  await sandboxes.apac.stop();
  const ended = await Promise.all([0, 1, 2].map((index) => completion(index)));
  hold(ended.map(({code}) => code).join() === '0,3,0', `the completions end with ${ended.map(({code, log}) => `${code}: ${log}`).join('\n')}`);
  for (const name of ['-amer', 'emea']) hold(await sandboxes[name].instance(`exec-1.x${name}.example.com`), `${name} was not applied`);
  hold((await completion(0, {COMPLETIONS: '2'})).code === 1, 'a folder without a completion is forgotten');
  const branch = await completion(0, {COMMIT: 'main'});
  hold(branch.cloned === false && branch.log.includes('COMMIT'), `a branch in place of a commit ends with ${branch.code}: ${branch.log}`);
  hold(!job.podFailurePolicy.rules[0].onExitCodes.values.includes(3), 'what could not be seen is not tried again');
  for (const name of ['-amer', 'emea']) await sandboxes[name].stop();
}

end('Kubernetes: drift and the fleet ran as in the manifests');
