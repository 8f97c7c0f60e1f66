// An SMSC on node-smpp for the interop tests. Commands come as lines of JSON on stdin, news goes as lines on stdout.
// The number's last two digits say what becomes of a message to it (see `fates`).
"use strict";
const smpp = require("smpp");
const readline = require("readline");

const sessions = new Set();
const states = new Map();
const owed = [];
const LATE_MILLISECONDS = 1500;
let nextId = 1;
let throttling = 0;
let knowsQueries = true;

function tell(news) {
  process.stdout.write(JSON.stringify(news) + "\n");
}

function receipt(session, pdu, id) {
  session.deliver_sm({
    esm_class: 4,
    source_addr: pdu.destination_addr,
    source_addr_ton: 1,
    source_addr_npi: 1,
    destination_addr: pdu.source_addr,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:2601011200 done date:2601011201 stat:DELIVRD err:000 text:`,
  }, (answer) => tell({ receipt_answered: id, status: answer.command_status }));
}

function raw(pdu) {
  return new smpp.PDU(pdu.command, pdu).toBuffer();
}

// Accepted, and no receipt: query_sm and cancel_sm tell what they find in `states`.
function silently(state) {
  return (session, pdu, id) => {
    states.set(id, state);
    session.send(pdu.response({ message_id: id }));
  };
}

const fates = {
  "01": (session, pdu) => session.send(pdu.response({ command_status: smpp.ESME_RINVDSTADR })),
  "02": () => undefined,
  "03": (session) => session.socket.resetAndDestroy(),
  "04": (session, pdu, id) => {
    const whole = raw({ command: "submit_sm_resp", sequence_number: pdu.sequence_number, message_id: id });
    session.socket.write(whole.subarray(0, whole.length - 3), () => session.socket.destroy());
  },
  "05": (session) => session.socket.write(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")),
  "06": (session, pdu, id) => {
    receipt(session, pdu, id);
    setTimeout(() => session.send(pdu.response({ message_id: id })), 200);
  },
  "07": (session, pdu, id) => {
    const refused = throttling++ < 2;
    session.send(pdu.response(refused ? { command_status: smpp.ESME_RTHROTTLED } : { message_id: id }));
  },
  "08": silently(smpp.MESSAGE_STATE.DELIVERED),
  "09": silently(smpp.MESSAGE_STATE.ENROUTE),
  "10": (session, pdu, id) => {
    owed.push({ pdu, id });
    session.send(pdu.response({ message_id: id }));
    setTimeout(() => session.socket.destroy(), 200);
  },
  "11": (session, pdu, id) => {
    receipt(session, pdu, id);
    setTimeout(() => session.send(pdu.response({ message_id: id })), LATE_MILLISECONDS);
  },
};

const server = smpp.createServer((session) => {
  sessions.add(session);
  session.on("close", () => sessions.delete(session));
  session.on("error", () => sessions.delete(session));
  session.on("bind_transceiver", (pdu) => {
    const right = pdu.system_id === "gateway" && pdu.password === "secret";
    session.send(pdu.response(right ? { system_id: "node" } : { command_status: smpp.ESME_RBINDFAIL }));
    tell({ bound: right });
    for (const late of owed.splice(0)) {
      setTimeout(() => receipt(session, late.pdu, late.id), LATE_MILLISECONDS);
    }
  });
  session.on("query_sm", (pdu) => {
    tell({ queried: pdu.message_id, source: pdu.source_addr });
    if (!knowsQueries) {
      session.send(pdu.response({ command_status: smpp.ESME_RINVCMDID }));
    } else if (!states.has(pdu.message_id)) {
      session.send(pdu.response({ command_status: smpp.ESME_RINVMSGID }));
    } else {
      session.send(pdu.response({ message_id: pdu.message_id, message_state: states.get(pdu.message_id) }));
    }
  });
  session.on("cancel_sm", (pdu) => {
    const waits = states.get(pdu.message_id) === smpp.MESSAGE_STATE.ENROUTE;
    tell({ cancelled: pdu.message_id, waits, destination: pdu.destination_addr });
    if (waits) {
      states.set(pdu.message_id, smpp.MESSAGE_STATE.DELETED);
    }
    session.send(pdu.response(waits ? {} : { command_status: smpp.ESME_RCANCELFAIL }));
  });
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("unbind", (pdu) => {
    session.send(pdu.response());
    tell({ unbound: true });
    session.close();
  });
  session.on("submit_sm", (pdu) => {
    const id = `node-${nextId++}`;
    const udh = pdu.short_message.udh;
    tell({
      submitted: pdu.destination_addr,
      text: pdu.short_message.message.toString(),
      udh: udh ? Buffer.concat(udh.map((each) => Buffer.from(each))).toString("hex") : null,
      coding: pdu.data_coding,
      reference: pdu.user_message_reference,
      validity: pdu.validity_period,
      source: pdu.source_addr,
    });
    const fate = fates[pdu.destination_addr.slice(-2)];
    if (fate) {
      fate(session, pdu, id);
      return;
    }
    session.send(pdu.response({ message_id: id }));
    if (pdu.registered_delivery) {
      setTimeout(() => receipt(session, pdu, id), 20);
    }
  });
});

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const order = JSON.parse(line);
  if (order.knows_queries === false) {
    knowsQueries = false;
    return;
  }
  for (const session of sessions) {
    session.deliver_sm(order, (answer) => tell({ reply_answered: answer.command_status }));
  }
}).on("close", () => process.exit(0));

server.listen(0, "127.0.0.1", () => tell({ port: server.address().port }));
