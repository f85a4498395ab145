// The machine's side of http_clients_test.cc with ws of npm (Debian: node-ws): every message comes back.
//
//   websocket_server.js KIND ADDRESS PORT   "plain" or "deflate" (permessage-deflate)
// Prints "ready" when it listens.
const { WebSocketServer } = require('/usr/share/nodejs/ws');

const [kind, host, port] = process.argv.slice(2);
const server = new WebSocketServer({ host, port: Number(port), perMessageDeflate: kind === 'deflate' });
server.on('listening', () => console.log('ready'));
server.on('connection', (socket) => {
  socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }));
});
