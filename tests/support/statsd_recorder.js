// A backend for statsd that appends what the daemon receives and flushes to config.record,
// one JSON object a line, each on disk before the daemon goes on: also its last flush on exit.
'use strict';
const fs = require('fs');
const util = require('util');

// Node 23 has removed what statsd 0.9.0 logs with; this file is also loaded by `node --require`.
util.log = util.log || console.log;

// JSON has no infinities: JSON.stringify would write null.
const finite = (key, value) =>
  typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;

exports.init = (startup, config, events) => {
  const file = fs.openSync(config.record, 'a');
  const write = (event) => fs.writeSync(file, JSON.stringify(event, finite) + '\n');

  events.on('packet', (packet) => write({packet: packet.toString()}));
  events.on('flush', (time, metrics) => {
    const sets = {};
    for (const name of Object.keys(metrics.sets)) sets[name] = metrics.sets[name].values();
    const {counters, gauges, timers} = metrics;
    write({flush: {time, counters, gauges, timers, sets}});
  });
  return true;
};
