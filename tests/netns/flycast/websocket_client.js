// websocket_client.js KIND URL: with ws of npm, messages of many sizes there and back, in order, then a close with a
// code; "plain" or "deflate" (permessage-deflate, which the other side must agree to). Prints "whole".
const crypto = require('crypto');
const WebSocket = require('/usr/share/nodejs/ws');

const [kind, url] = process.argv.slice(2);
const deflates = kind === 'deflate';
const messages = [0, 1, 125, 126, 65535, 65536, 1000000].map((size) => crypto.randomBytes(size));
for (let i = 0; i < 200; ++i) messages.push(`text ${i} `.repeat(100));

const fail = (why) => {
  console.error(why);
  process.exit(1);
};
const socket = new WebSocket(url, { perMessageDeflate: deflates });
let arrived = 0;
let pongs = 0;
socket.on('open', () => {
  if (socket.extensions.includes('permessage-deflate') !== deflates) fail(`extensions: ${socket.extensions}`);
  messages.forEach((message) => socket.send(message));
  socket.ping();
});
socket.on('pong', () => ++pongs);
socket.on('message', (message, isBinary) => {
  const sent = messages[arrived];
  if (isBinary === (typeof sent === 'string') || !message.equals(Buffer.from(sent))) fail(`message ${arrived} differs`);
  if (++arrived === messages.length) socket.close(4001, 'enough');
});
socket.on('close', (code) => {
  if (code !== 4001 || arrived !== messages.length || pongs !== 1) fail(`code ${code}, ${arrived} messages, ${pongs} pongs`);
  console.log('whole');
});
socket.on('error', fail);
