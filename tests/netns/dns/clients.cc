#include "tests/netns/dns/clients.h"

#include <ostream>

#include "registry/core/address.h"

namespace sixpn::dns::testing {
namespace {

std::string built(const std::string& program) {
  return SIXPN_DNS_CLIENTS "/" + program;
}
std::string source(const std::string& program) {
  return SIXPN_DNS_CLIENT_SOURCES "/" + program;
}

}  // namespace

void PrintTo(const Client& client, std::ostream* out) {
  *out << client.name;
}

const std::vector<Client>& clients() {
  static const std::vector<Client> all = {
      {.name = "dig",
       .words = {"dig", "-t", "AAAA", "-q"},
       .says_missing = "status: NXDOMAIN",
       .missing_status = 0,
       .asks_both_families = false},
      {.name = "drill",
       .words = {"drill", "-a", "AAAA"},
       .says_missing = "rcode: NXDOMAIN",
       .missing_status = 0,
       .asks_both_families = false},
      {.name = "kdig",
       .words = {"kdig", "-t", "AAAA", "-q"},
       .says_missing = "status: NXDOMAIN",
       .missing_status = 0,
       .asks_both_families = false},
      {.name = "host", .words = {"host"}, .says_missing = "not found: 3(NXDOMAIN)"},
      {.name = "getent",
       .words = {"getent", "ahosts"},
       .says_missing = "",  // its exit status says it, the same for any failure
       .missing_status = 2,
       .tells_why = false},
      {.name = "glibc", .words = {built("lookup_glibc")}, .says_missing = "EAI_NONAME"},
      // What systemd-resolved writes into resolv.conf, and what people write there against lost
      // packets.
      {.name = "glibc_edns0",
       .words = {"env", "RES_OPTIONS=edns0 trust-ad", built("lookup_glibc")},
       .says_missing = "EAI_NONAME"},
      {.name = "glibc_one_by_one",
       .words = {"env", "RES_OPTIONS=single-request-reopen", built("lookup_glibc")},
       .says_missing = "EAI_NONAME"},
      // Debian's musl 1.2.3 is the last one without TCP.
      {.name = "musl",
       .words = {built("lookup_musl")},
       .says_missing = "EAI_NONAME",
       .retries_over_tcp = false},
      {.name = "node_lookup",
       .words = {"node", source("lookup.js"), "lookup"},
       .says_missing = "ENOTFOUND"},
      {.name = "node_resolve",
       .words = {"node", source("lookup.js"), "resolve6"},
       .says_missing = "ENOTFOUND",
       .asks_both_families = false},
      {.name = "go", .words = {built("lookup_go")}, .says_missing = "IsNotFound"},
      {.name = "java",
       .words = {"java", "-cp", SIXPN_DNS_CLIENTS, "Lookup"},
       .says_missing = "Name or service not known"},
      {.name = "python", .words = {"python3", source("lookup.py")}, .says_missing = "EAI_NONAME"},
      {.name = "curl",
       .words = {"curl", "-sv", "--url"},
       .says_missing = "Could not resolve host",
       .missing_status = 6,
       .tells_why = false,
       .uses_one = true},
      {.name = "busybox",
       .words = {"busybox", "nslookup"},
       .says_missing = "NXDOMAIN",
       .retries_over_tcp = false},
  };
  return all;
}

sixpn::testing::Words lookup(const Client& client, const std::string& name) {
  auto words = client.words;
  words.push_back(name);
  return words;
}

std::set<Ip6> machines_in(const std::string& text) {
  std::set<Ip6> found;
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = text.find_first_not_of("0123456789abcdefABCDEF:", begin);
    if (end == std::string::npos) end = text.size();
    // "[fdaa::1]:80" and "fdaa::1:" too.
    std::string word = text.substr(begin, end - begin);
    while (word.ends_with(':')) word.pop_back();
    if (auto ip = parse_ip6(word); ip && classify(*ip) == AddressKind::kMachine) found.insert(*ip);
    begin = end + 1;
  }
  return found;
}

}  // namespace sixpn::dns::testing
