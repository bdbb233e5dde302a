// GitHub's rules for workflow commands in a log, as its runner has them (ActionCommand.cs): a line that begins with `::name props::`, and
// the older `##[name props]`, which counts ANYWHERE in a line.

const known = ['add-mask', 'add-matcher', 'remove-matcher', 'debug', 'echo', 'endgroup', 'error', 'group', 'internal-set-repo-path',
  'notice', 'save-state', 'set-env', 'set-output', 'stop-commands', 'add-path', 'warning'];
const data = (text) => text.replace(/%0D/g, '\r').replace(/%0A/g, '\n').replace(/%25/g, '%');
const property = (text) => data(text.replace(/%3A/g, ':').replace(/%2C/g, ','));
const older = (text) => data(text.replace(/%3B/g, ';').replace(/%5D/g, ']'));

function made(head, text, separator, unescaped) {
  const at = head.indexOf(' ');
  const name = at < 0 ? head : head.slice(0, at);
  if (!known.includes(name.toLowerCase())) return [];
  const pairs = at < 0 ? [] : head.slice(at + 1).trim().split(separator).filter(Boolean);
  const props = Object.fromEntries(pairs.map((pair) => {
    const is = pair.indexOf('=');
    return is < 1 ? [pair, null] : [pair.slice(0, is), unescaped(pair.slice(is + 1))];
  }));
  return [{name: name.toLowerCase(), props, text}];
}

/** The commands of a line, as the runner finds them. */
function ofLine(line) {
  const start = line.trimStart();
  const close = start.startsWith('::') ? start.indexOf('::', 2) : -1;
  if (close > 0) {
    const found = made(start.slice(2, close), data(start.slice(close + 2)), ',', property);
    if (found.length) return found;
  }
  const open = line.indexOf('##['), shut = line.indexOf(']', open);
  return open >= 0 && shut >= 0 ? made(line.slice(open + 3, shut), older(line.slice(shut + 1)), ';', older) : [];
}

export const commands = (log) => log.split(/\r\n|\r|\n/).flatMap(ofLine);
