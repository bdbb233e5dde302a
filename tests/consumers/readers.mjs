// The readers of reports that are written in JavaScript, for `readers.py`: a line of JSON on stdin asks for one, a line on stdout answers.
import {createInterface} from 'node:readline';
import {JSDOM} from 'jsdom';
import {commands} from './commands.mjs';

const {window} = new JSDOM('<!doctype html><body></body>');
Object.assign(globalThis, {window, document: window.document});
const {default: mermaid} = await import('mermaid');
mermaid.initialize({startOnLoad: false, securityLevel: 'strict'});

/** A Mermaid picture, as mermaid itself reads it. */
async function picture(text) {
  const {diagramType} = await mermaid.parse(text);
  const {db} = await mermaid.mermaidAPI.getDiagramFromText(text);
  const nodes = [...db.getVertices().values()];
  return {
    kind: diagramType,
    nodes: nodes.map((node) => ({id: node.id, label: node.text ?? node.id, link: node.link ?? null, clicks: Boolean(node.haveCallback)})),
    edges: db.getEdges().map((edge) => ({from: edge.start, to: edge.end})),
  };
}

const readers = {commands, picture};
for await (const line of createInterface({input: process.stdin})) {
  const {reader, text} = JSON.parse(line);
  try {
    console.log(JSON.stringify({told: await readers[reader](text)}));
  } catch (error) {
    console.log(JSON.stringify({refused: String(error)}));
  }
}
