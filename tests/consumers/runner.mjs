// A small runner of GitHub's workflows: it evaluates expressions with GitHub's own library and runs `run:` steps with bash, a composite
// action's too, with the files and variables that a runner gives. Actions of others are the caller's to play.
import {spawn} from 'node:child_process';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {Evaluator, Lexer, Parser, data} from '@actions/expressions';
import {parse} from 'yaml';
import {folder, root} from './lib.mjs';

const value = (object) => JSON.parse(JSON.stringify(object ?? null), data.reviver);
const plain = (result) => JSON.parse(JSON.stringify(result, data.replacer));

function evaluate(text, contexts, failed = false) {
  const known = {success: !failed, failure: failed, always: true, cancelled: false};
  const functions = Object.entries(known).map(([name, so]) => ({name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(so)}));
  const tokens = new Lexer(text).lex().tokens;
  const tree = new Parser(tokens, Object.keys(contexts), functions).parse();
  return new Evaluator(tree, value(contexts), new Map(functions.map((one) => [one.name, one]))).evaluate();
}

/** A text with its `${{ }}` filled in. */
export const fill = (text, contexts) => String(text ?? '').replace(/\$\{\{([\s\S]*?)\}\}/g, (_, inner) => evaluate(inner.trim(), contexts).coerceString());
const filled = (map, contexts) => Object.fromEntries(Object.entries(map ?? {}).map(([name, text]) => [name, fill(text, contexts)]));

/** Whether a step or job is to run. */
function wanted(condition, contexts, failed) {
  if (condition === undefined) return !failed;
  const text = String(condition).trim().replace(/^\$\{\{([\s\S]*)\}\}$/, '$1').trim();
  const so = evaluate(text, contexts, failed);
  const truthy = plain(so), asks = /\b(always|failure|cancelled|success)\(\)/.test(text);
  return Boolean(truthy) && (asks || !failed);
}

/** Reads what a step left in one of the runner's files: `name=value` lines. */
const outputs = (file) => Object.fromEntries(readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => {
  const at = line.indexOf('=');
  if (at < 1) throw new Error(`no output: ${line}`);
  return [line.slice(0, at), line.slice(at + 1)];
}));

function shell(script, at, env) {
  const file = join(folder('step'), 'script.sh');
  writeFileSync(file, script);
  return new Promise((done) => {
    const child = spawn('bash', ['--noprofile', '--norc', '-e', '-o', 'pipefail', file], {cwd: at, env, stdio: ['ignore', 'pipe', 'pipe']});
    let stdout = '', stderr = '';
    child.stdout.on('data', (bytes) => { stdout += bytes; });
    child.stderr.on('data', (bytes) => { stderr += bytes; });
    child.on('close', (code) => done({code, stdout, stderr}));
  });
}

/** Runs the steps of a job or an action, and tells of it: each step's outcome, the log, the outputs. */
async function steps(list, contexts, world, env) {
  const told = {failed: false, log: '', steps: {}, ran: []};
  for (const [at, step] of list.entries()) {
    const name = step.id ?? step.name ?? step.uses ?? `step ${at + 1}`;
    const inside = {...contexts, steps: told.steps, env: {...contexts.env}};
    if (!wanted(step.if, inside, told.failed)) continue;
    const own = {...env, ...filled(step.env, inside)};
    let result;
    if (step.run !== undefined) {
      const out = join(folder('output'), 'output');
      writeFileSync(out, '');
      const run = await shell(fill(step.run, inside), world.workspace, {...own, GITHUB_OUTPUT: out, GITHUB_STEP_SUMMARY: world.summary});
      result = {code: run.code, outputs: outputs(out), log: run.stdout, errors: run.stderr};
    } else if (step.uses.startsWith('OWNER/meshform@')) {
      const inner = await action(filled(step.with, inside), inside, world, own);
      result = {code: inner.failed ? inner.code : 0, outputs: inner.outputs, log: inner.log};
    } else {
      const play = world.actions[step.uses.split('@')[0]];
      if (!play) throw new Error(`nobody plays ${step.uses}`);
      const made = await play(filled(step.with, inside), {...world, env: own, contexts: inside});
      result = {code: 0, outputs: {}, log: '', ...made};
    }
    told.log += result.log;
    told.ran.push({name, uses: step.uses, ...result});
    told.steps[step.id ?? `_${at}`] = {outputs: result.outputs, outcome: result.code === 0 ? 'success' : 'failure'};
    if (result.code !== 0) { told.failed = true; told.code ??= result.code; told.errors = result.errors; }
  }
  return told;
}

/** Runs the composite action at the repository's root. */
async function action(given, contexts, world, env) {
  const it = parse(readFileSync(join(root, 'action.yml'), 'utf8'));
  for (const name of Object.keys(given)) if (!(name in it.inputs)) throw new Error(`the action has no input ${name}`);
  const inputs = Object.fromEntries(Object.entries(it.inputs).map(([name, {default: text}]) => [name, given[name] ?? fill(text ?? '', contexts)]));
  // What is built on a runner is given here, unless the check is of that.
  if (world.binary !== undefined && !inputs.binary) inputs.binary = world.binary;
  const inside = {github: {...contexts.github, action_path: root}, runner: contexts.runner, inputs, steps: {}};
  const told = await steps(it.runs.steps, inside, world, {...env, GITHUB_ACTION_PATH: root});
  const shown = Object.fromEntries(Object.entries(it.outputs).map(([name, {value: text}]) => [name, fill(text, {...inside, steps: told.steps})]));
  return {...told, outputs: shown};
}

/** Runs the jobs of a workflow in their order; `world` has event, repository, variables, secrets, workspaces and played actions. */
export async function workflow(file, world) {
  const it = parse(readFileSync(file, 'utf8'));
  const temp = folder('temp');
  const runner = {temp, os: 'Linux', arch: 'X64'};
  const github = {token: 'github-token', actor: 'alice', repository: 'acme/mesh', ...world.github};
  const jobs = {};
  for (const [name, job] of Object.entries(it.jobs)) {
    const needs = Object.fromEntries([job.needs ?? []].flat().map((one) => [one, jobs[one] ?? {result: 'skipped', outputs: {}}]));
    const base = {github, vars: world.vars ?? {}, needs, inputs: world.inputs ?? {}};
    const blocked = Object.values(needs).some((one) => one.result !== 'success');
    if (blocked || !wanted(job.if, base, false)) { jobs[name] = {result: 'skipped', outputs: {}}; continue; }
    const workspace = folder('workspace'), summary = join(folder('summary'), 'summary.md');
    const env = {...filled(it.env, base), ...filled(job.env, base)};
    // A job sees the secrets of its environment and those of the repository.
    const secrets = {...world.secrets, ...(job.environment ? world.environments?.[job.environment] : {})};
    const contexts = {...base, env, secrets, runner};
    const variables = {CI: 'true', GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: github.repository, GITHUB_WORKSPACE: workspace, RUNNER_TEMP: temp, RUNNER_OS: runner.os, RUNNER_ARCH: runner.arch};
    const told = await steps(job.steps, contexts, {...world, workspace, summary, permissions: job.permissions ?? it.permissions}, {...world.env, ...variables, ...env});
    const outs = Object.fromEntries(Object.entries(job.outputs ?? {}).map(([out, text]) => [out, fill(text, {...contexts, steps: told.steps})]));
    jobs[name] = {...told, result: told.failed ? 'failure' : 'success', outputs: outs, workspace, summary: existsSync(summary) ? readFileSync(summary, 'utf8') : ''};
  }
  return jobs;
}
