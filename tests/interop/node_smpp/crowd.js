// An SMSC on node-smpp that plays a crowd: the number's last digit says what becomes of a message to it (4: no receipt, and query_sm
// says delivered; 5: undeliverable; 6: refused). The receipt for OTHERS goes to another bind, and query_sm fails. Each submit_sm
// is told with its moment and how many were without a response by then; at the end of input, how late this process was.
"use strict";
const smpp = require("smpp");
const { performance } = require("node:perf_hooks");

const RESPONSE_MS = Number(process.argv[2]);
const SLOW_RESPONSE_MS = Number(process.argv[3]);
let nextId = 1;
const bound = new Set();
const untold = new Set();
const OTHERS = "31687654444";
let latest = 0;

function tell(news) {
  process.stdout.write(JSON.stringify(news) + "\n");
}

function watchLateness() {
  let before = performance.now();
  setInterval(() => {
    const now = performance.now();
    latest = Math.max(latest, now - before - 5);
    before = now;
  }, 5);
}

function receipt(session, pdu, id, state) {
  session.deliver_sm({
    esm_class: 4,
    source_addr: pdu.destination_addr,
    source_addr_ton: 1,
    source_addr_npi: 1,
    destination_addr: pdu.source_addr,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:2601011200 done date:2601011201 stat:${state} err:000 text:`,
  });
}

const server = smpp.createServer((session) => {
  let inFlight = 0;
  session.on("error", () => undefined);
  session.on("close", () => bound.delete(session));
  session.on("bind_transceiver", (pdu) => {
    bound.add(session);
    session.send(pdu.response({ system_id: "crowd" }));
  });
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("query_sm", (pdu) => {
    const untellable = { command_status: smpp.ESME_RQUERYFAIL };
    const delivered = { message_id: pdu.message_id, message_state: 2 };
    session.send(pdu.response(untold.has(pdu.message_id) ? untellable : delivered));
  });
  session.on("unbind", (pdu) => {
    session.send(pdu.response());
    session.close();
  });
  session.on("submit_sm", (pdu) => {
    const number = pdu.destination_addr;
    const id = `crowd-${nextId++}`;
    const udh = pdu.short_message.udh;
    inFlight += 1;
    tell({
      moment: performance.now() / 1000,
      number,
      in_flight: inFlight,
      part: udh ? udh[0][udh[0].length - 1] : 1,
      text: pdu.short_message.message.toString(),
    });
    setTimeout(() => {
      inFlight -= 1;
      if (number.endsWith("6")) {
        session.send(pdu.response({ command_status: smpp.ESME_RINVDSTADR }));
        return;
      }
      session.send(pdu.response({ message_id: id }));
      if (number === OTHERS) {
        untold.add(id);
        const other = [...bound].find((each) => each !== session);
        setTimeout(() => receipt(other, pdu, id, "DELIVRD"), 20);
        return;
      }
      if (number.endsWith("4")) {
        return;
      }
      setTimeout(() => receipt(session, pdu, id, number.endsWith("5") ? "UNDELIV" : "DELIVRD"), 20);
    }, udh ? SLOW_RESPONSE_MS : RESPONSE_MS);
  });
});

process.stdin.on("end", () => {
  tell({ late: latest / 1000 });
  process.exit(0);
}).resume();

server.listen(0, "127.0.0.1", () => {
  tell({ port: server.address().port });
  watchLateness();
});
