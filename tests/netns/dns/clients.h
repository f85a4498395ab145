// The programs that ask: how each is told to look up a name, how it says that there is none, and
// how it copes with an answer that does not fit a datagram. Shared by the tests against the lab and
// those inside a cluster's machines.
#pragma once

#include <iosfwd>
#include <set>
#include <string>
#include <vector>

#include "base/ip.h"
#include "tests/netns/cluster/process.h"

namespace sixpn::dns::testing {

struct Client {
  std::string name;                // of the test
  sixpn::testing::Words words;     // the name to look up is put behind these
  std::string says_missing;        // in its output, when told NXDOMAIN
  int missing_status = 1;          // its exit status then
  bool asks_both_families = true;  // A too, for which the own zones have no data
  // Whether it takes an answer that did not fit a datagram over TCP. Those that do not use the part
  // that came.
  bool retries_over_tcp = true;
  bool tells_why = true;  // says something else when the resolver does not know yet
  bool uses_one = false;  // connects to one of the addresses, and tells which
};

void PrintTo(const Client& client, std::ostream* out);  // for googletest

const std::vector<Client>& clients();
sixpn::testing::Words lookup(const Client& client, const std::string& name);
// Every address of a machine that is printed somewhere in `text`.
std::set<Ip6> machines_in(const std::string& text);

}  // namespace sixpn::dns::testing
