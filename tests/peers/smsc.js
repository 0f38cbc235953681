'use strict';
// A message centre on the npm package smpp, for the tests: commands come as lines of JSON on
// standard input, and what happens goes out as lines of JSON on standard output.
const fs = require('fs');
const smpp = require('smpp');

const settings = Object.assign(
  { system_id: 'shop', password: 'secret', mode: 'ok', ids: 'decimal', receipts: true, delay: 0,
    binds: 100, cert: null, key: null, quiet: false },
  JSON.parse(process.argv[2] || '{}'),
);
const sessions = [];
let lastId = Number(settings.first_id || 1000);
let throttled = 0;
const unreported = [];
let counted = 0;

function tell(event) {
  process.stdout.write(JSON.stringify(event) + '\n');
}

function hex(value) {
  return Buffer.isBuffer(value) ? value.toString('hex') : value;
}

function nextId() {
  lastId += 1;
  const number = lastId;
  const spelled = { decimal: String(number), hex: number.toString(16),
                    padded: '0000' + number.toString(16).toUpperCase() };
  return { answer: spelled[settings.ids] || String(number),
           receipt: spelled[settings.receipt_ids || settings.ids] };
}

function receipt(pdu, id, extra) {
  const stat = settings.stat || 'DELIVRD';
  const state = { DELIVRD: 2, EXPIRED: 3, UNDELIV: 5, REJECTD: 8 }[stat];
  const text = `id:${id} sub:001 dlvrd:001 submit date:2611290930 done date:2611290931 ` +
    `stat:${stat} err:000 text:stat:UNDELIV`;
  const fields = {
    source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4,
    source_addr_ton: 1, source_addr_npi: 1, short_message: text,
  };
  if (settings.tlvs !== false) {
    fields.receipted_message_id = id;
    fields.message_state = state;
  }
  if (settings.echo && pdu.user_message_reference !== undefined) {
    fields.user_message_reference = pdu.user_message_reference;
  }
  return Object.assign(fields, extra || {});
}

function deliver(fields, again) {
  const open = sessions.filter((session) => session.mode !== 'transmitter');
  if (!open.length) {
    setTimeout(() => deliver(fields), 50);
    return;
  }
  const session = open[Math.floor(Math.random() * open.length)];
  session.deliver_sm(Object.assign({}, fields), (answer) => {
    tell({ event: 'deliver_sm_resp', status: answer.command_status, again: Boolean(again) });
    if (answer.command_status !== 0) {
      setTimeout(() => deliver(fields, true), 100);
    }
  });
}

function submitted(session, pdu) {
  const content = pdu.short_message;
  const raw = Buffer.isBuffer(content.message) ? content.message : null;
  tell({
    event: 'submit_sm', source: pdu.source_addr, destination: pdu.destination_addr,
    source_ton: pdu.source_addr_ton, source_npi: pdu.source_addr_npi,
    dest_ton: pdu.dest_addr_ton, dest_npi: pdu.dest_addr_npi,
    data_coding: pdu.data_coding, esm_class: pdu.esm_class,
    registered_delivery: pdu.registered_delivery, validity: pdu.validity_period,
    text: raw ? null : content.message, udh: (content.udh || []).map(hex),
    payload: pdu.message_payload === undefined ? null : pdu.message_payload.message,
    sar: pdu.sar_msg_ref_num === undefined ? null
      : [pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum],
    reference: pdu.user_message_reference,
  });
}

function answered(session, pdu) {
  if (settings.mode === 'silent') {
    return;
  }
  if (settings.mode === 'drop') {
    if (settings.receipt_before_drop) {
      const lost = nextId().receipt;
      setTimeout(() => deliver(receipt(pdu, lost)), 500);
    }
    session.destroy();
    return;
  }
  if (settings.mode === 'throttle' && throttled < (settings.throttle || 2)) {
    throttled += 1;
    session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
    return;
  }
  if (settings.mode === 'nth') {
    counted += 1;
    if (settings.refuse.includes(counted)) {
      session.send(pdu.response({ command_status: settings.status }));
      return;
    }
  }
  if (settings.mode === 'status') {
    session.send(pdu.response({ command_status: settings.status }));
    return;
  }
  const id = nextId();
  const wants = settings.receipts && pdu.registered_delivery & 1;
  if (settings.mode === 'early' && wants) {
    deliver(receipt(pdu, id.receipt));
  }
  if (settings.mode === 'late') {
    setTimeout(() => session.send(pdu.response({ message_id: id.answer })), settings.late);
    unreported.push(receipt(pdu, id.receipt));
    return;
  }
  const answer = () => {
    tell({ event: 'accepted', id: id.answer });
    session.send(pdu.response({ message_id: id.answer }));
    if (settings.mode !== 'early' && wants) {
      setTimeout(() => deliver(receipt(pdu, id.receipt)), 20);
    }
  };
  const pause = settings.mode === 'early' ? 100 : settings.delay;
  if (pause) {
    setTimeout(answer, pause);
  } else {
    answer();
  }
}

function bound(session, pdu, mode) {
  const wrong = pdu.system_id !== settings.system_id ? smpp.ESME_RINVSYSID
    : pdu.password !== settings.password ? smpp.ESME_RINVPASWD
      : sessions.length >= settings.binds ? smpp.ESME_RALYBND : 0;
  tell({ event: 'bind', mode, status: wrong, version: pdu.interface_version });
  if (wrong) {
    session.send(pdu.response({ command_status: wrong }));
    session.close();
    return;
  }
  session.mode = mode;
  sessions.push(session);
  session.send(pdu.response({ system_id: 'centre' }));
}

const options = settings.cert
  ? { key: fs.readFileSync(settings.key), cert: fs.readFileSync(settings.cert) } : {};
const server = smpp.createServer(options, (session) => {
  session.on('error', (error) => tell({ event: 'error', text: String(error.message) }));
  session.on('close', () => {
    const at = sessions.indexOf(session);
    if (at >= 0) {
      sessions.splice(at, 1);
    }
    tell({ event: 'close', left: sessions.length });
  });
  for (const mode of ['transceiver', 'transmitter', 'receiver']) {
    session.on(`bind_${mode}`, (pdu) => bound(session, pdu, mode));
  }
  session.on('unbind', (pdu) => {
    tell({ event: 'unbind' });
    session.send(pdu.response());
    session.close();
  });
  session.on('enquire_link', (pdu) => {
    tell({ event: 'enquire_link' });
    if (!settings.deaf) {
      session.send(pdu.response());
    }
  });
  session.on('submit_sm', (pdu) => {
    if (!settings.quiet) {
      submitted(session, pdu);
    }
    answered(session, pdu);
  });
});
server.listen(0, '127.0.0.1', () => tell({ event: 'listening', port: server.address().port }));

let pending = '';
process.stdin.on('data', (data) => {
  pending += data;
  const lines = pending.split('\n');
  pending = lines.pop();
  for (const line of lines.filter(Boolean)) {
    const command = JSON.parse(line);
    if (command.set) {
      Object.assign(settings, command.set);
    } else if (command.deliver) {
      const fields = command.deliver;
      if (fields.hex !== undefined) {
        fields.short_message = Buffer.from(fields.hex, 'hex');
        delete fields.hex;
      }
      deliver(fields);
    } else if (command.receipts_now) {
      unreported.splice(0).forEach((fields) => deliver(fields));
    } else if (command.destroy) {
      sessions.slice().forEach((session) => session.destroy());
    } else if (command.unbind) {
      sessions.slice().forEach((session) => session.unbind());
    }
    tell({ event: 'done' });
  }
});
process.stdin.on('end', () => process.exit(0));
