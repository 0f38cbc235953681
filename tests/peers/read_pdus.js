'use strict';
// Reads PDUs in hexadecimal digits, one a line, and writes what the npm package smpp finds in them.
const readline = require('readline');
const { PDU } = require('smpp');

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const pdu = new PDU(Buffer.from(line, 'hex'));
  const content = pdu.short_message === undefined ? null : pdu.short_message.message;
  process.stdout.write(JSON.stringify({
    command: pdu.command_id, sequence: pdu.sequence_number, status: pdu.command_status,
    source_addr: pdu.source_addr, source_addr_ton: pdu.source_addr_ton,
    destination_addr: pdu.destination_addr, dest_addr_npi: pdu.dest_addr_npi,
    data_coding: pdu.data_coding, registered_delivery: pdu.registered_delivery,
    short_message: Buffer.isBuffer(content) ? content.toString('hex') : content,
    user_message_reference: pdu.user_message_reference,
    message_id: pdu.message_id, system_id: pdu.system_id, password: pdu.password,
  }) + '\n');
});
