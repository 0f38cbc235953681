'use strict';
// Reads mails, one a line in base64, and writes what the npm packages mailparser and mailauth find
// in them. The argument holds the DNS records that mailauth may ask for, by their names.
const readline = require('readline');
const { simpleParser } = require('mailparser');
const { dkimVerify } = require('mailauth/lib/dkim/verify');

const records = JSON.parse(process.argv[2] || '{}');

async function resolver(name, kind) {
  if (kind === 'TXT' && records[name] !== undefined) return [[records[name]]];
  const missing = new Error(`no ${kind} at ${name}`);
  missing.code = 'ENOTFOUND';
  throw missing;
}

const people = (field) => (field ? [].concat(field) : [])
  .flatMap((list) => list.value)
  .map(({ name, address }) => [name, address]);

async function read(content) {
  const mail = await simpleParser(content, { skipHtmlToText: true, skipTextToHtml: true });
  const { results } = await dkimVerify(content, { resolver });
  return {
    subject: mail.subject, from: people(mail.from), to: people(mail.to), cc: people(mail.cc),
    text: mail.text, html: mail.html, message_id: mail.messageId,
    fields: mail.headerLines.map(({ key }) => key),
    attachments: mail.attachments.map((file) => ({
      filename: file.filename, type: file.contentType, related: Boolean(file.related),
      disposition: file.contentDisposition, content_id: file.cid,
      content: file.content.toString('base64'),
    })),
    signatures: results.map(({ status, signingDomain, selector, signingHeaders }) => ({
      result: status.result, comment: status.comment, domain: signingDomain, selector,
      fields: signingHeaders && signingHeaders.keys,
    })),
  };
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const mail = await read(Buffer.from(line, 'base64'));
    process.stdout.write(`${JSON.stringify(mail)}\n`);
  }
})();
