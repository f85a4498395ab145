// lookup.js WAY NAME: what Node's dns says; WAY is lookup (getaddrinfo) or resolve6 (c-ares).
'use strict';
const dns = require('dns').promises;

const [way, name] = process.argv.slice(2);
const ways = {
  lookup: async () => (await dns.lookup(name, {all: true})).map((found) => found.address),
  resolve6: () => dns.resolve6(name),
};
ways[way]().then(
    (addresses) => console.log(addresses.join('\n')),
    (error) => {
      console.log(error.code);
      process.exit(1);
    });
