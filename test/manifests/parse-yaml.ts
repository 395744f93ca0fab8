// All documents of a file, and all its problems.
import { readDocument, splitDocuments, type YamlDocument, type YamlProblem } from '../../src/manifests/parse-yaml.ts';

/** Reads a file. Empty documents are skipped; a document with a problem is left out, and the others are there. */
export function parseYaml(text: string): { documents: YamlDocument[]; problems: YamlProblem[] } {
  const documents: YamlDocument[] = [];
  const problems: YamlProblem[] = [];
  for (const part of splitDocuments(text)) {
    const document = readDocument(part);
    if ('message' in document) problems.push(document);
    else if (document.value !== null) documents.push(document);
  }
  return { documents, problems };
}
