// `sixpn dig` of foreign names with a real agent: what the host's resolver is told by upstreams of
// the test's own, as a machine sees it, compared with what `dig` prints inside that machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <sstream>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

using ::testing::HasSubstr;

// Three resolvers on loopback: one for everything, one that only the rule for corp.example names,
// and one that never says anything.
constexpr const char* kUpstreams = R"py(
import selectors, socket, struct
u16 = lambda n: struct.pack(">H", n)
def name(text): return b"".join(bytes([len(l)]) + l.encode() for l in text.split(".") if l) + b"\0"
def param(key, value): return u16(key) + u16(len(value)) + value
P = b"\xc0\x0c"
six = socket.inet_pton(socket.AF_INET6, "2001:db8::1")
soa = b"\x02ns" + P + name("hostmaster.example") + struct.pack(">5I", 1, 7200, 900, 86400, 60)
types = {
    1: [b"\xc0\0\2\1", b"\xc0\0\2\2"], 28: [six, b"\0" * 10 + b"\xff\xff\xc0\0\2\1"], 6: [soa],
    2: [b"\x02ns" + P, name("ns.example.net")], 12: [name("a.b.c")], 39: [name("d.example")],
    15: [u16(10) + b"\x04mail" + P, u16(20) + name("mail.example.net")],
    16: [b"\x05a b;c\0", b"\x08\"\\\x01\xff@$()", b"\xff" + b"x" * 255 + b"\x01y"],
    33: [u16(1) + u16(2) + u16(443) + name("s.example")],
    64: [u16(0) + name("t.example")],
    65: [u16(1) + b"\0" + param(0, u16(1)) + param(1, b"\x02h2\x05a,b\\\"") + param(2, b"") +
         param(3, u16(8443)) + param(4, b"\xc0\0\2\1\xc0\0\2\2") + param(5, b"\1\2\3\4") +
         param(6, six) + param(667, b"x\xff\"")],
    257: [b"\x80\x05issueca.example; x=\"y\"", b"\0\x05iodefmailto:a@b.c"],
    13: [b"\x03x86\x05Linux"], 14: [b"\x01a" + P + b"\x01b" + P], 17: [b"\x01a" + P + name("")],
    18: [u16(1) + b"\x04mail" + P], 21: [u16(2) + P], 26: [u16(3) + P + P], 36: [u16(4) + P],
    3: [P], 4: [P], 7: [P], 8: [P], 9: [P],
    35: [u16(1) + u16(2) + b"\x01u\x07E2U+sip\x10!^.*$!sip:a@b.c!" + name("")],
    43: [u16(20326) + b"\x08\x02" + bytes(range(32))], 59: [u16(1) + b"\x0d\x02" + bytes(32)],
    44: [b"\x04\x02" + bytes(range(32)), b"\x01\x01" + bytes(20)],
    46: [u16(1) + b"\x0d\x02" + struct.pack(">IIIH", 86400, 1737679687, 1, 7) + name("example") +
         bytes(range(64)), u16(65280) + b"\x0d\x02" + struct.pack(">IIIH", 1, 2, 3, 4) + b"\0" + b"x"],
    47: [name("b.example") + b"\0\2\x62\1\1\1\x40", name("c.example") + b"\xff\x01\x80"],
    48: [u16(257) + b"\x03\x0d" + bytes(range(64))], 60: [u16(256) + b"\x03\x0d" + bytes(64)],
    52: [b"\x03\x01\x01" + bytes(range(32))], 53: [b"\x03\x01\x02" + bytes(64)],
    65280: [b"\xab\xcd\xef", bytes(range(100))], 65281: [b""]}
zones = {
    5301: {"types.example": types, "once.example": {1: [b"\xc0\0\2\7"]},
           "odd\"();\\@$ \xff.example": {1: [b"\xc0\0\2\x08"]}},
    5302: {"hr.corp.example": {1: [b"\xc0\0\2\x09"]}}}
def answer(query, zone):
    end = query.index(b"\0", 12) + 1
    labels, at = [], 12
    while query[at]: labels, at = labels + [query[at+1:at+1+query[at]]], at + 1 + query[at]
    asked = b".".join(labels).lower().decode("latin1")
    kind = struct.unpack(">H", query[end:end+2])[0]
    rr = lambda t, d, owner=P: owner + u16(t) + u16(1) + struct.pack(">I", 300) + u16(len(d)) + d
    records = [rr(kind, data) for data in zone.get(asked, {}).get(kind, [])]
    if asked == "www.example":
        records = [rr(5, name("types.example")), rr(1, b"\xc0\0\2\1", name("types.example"))]
    authority = [] if records else [rr(6, name("ns.example") + name("h.example") +
                                       struct.pack(">5I", 1, 2, 3, 4, 60), b"\0")]
    rcode = 0 if records or asked in zone else 3
    opt = b"\0" + u16(41) + u16(1232) + b"\0" * 6
    return (query[:2] + u16(0x8180 | rcode) + u16(1) + u16(len(records)) + u16(len(authority)) +
            u16(1) + query[12:end+4] + b"".join(records + authority) + opt)
waiting = selectors.DefaultSelector()
for port in (5301, 5302, 5303):
    on = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    on.bind(("::1", port))
    if port in zones: waiting.register(on, selectors.EVENT_READ, zones[port])
    else: silent = on
print("ready", flush=True)
while True:
    for key, _ in waiting.select():
        query, client = key.fileobj.recvfrom(4096)
        key.fileobj.sendto(answer(query, key.data), client)
)py";

constexpr const char* kConfig = R"(
[dns]
upstreams = ["[::1]:5301"]
[[dns.forward_rules]]
domain = "corp.example"
servers = ["[::1]:5302"]
networks = ["acme/default"]
[[dns.forward_rules]]
domain = "silent.example"
servers = ["[::1]:5303"]
)";

// The records of what dig prints, a line each, without the TTLs (what is kept grows older), in
// order.
std::vector<std::string> records_in(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == ';') continue;
    std::istringstream fields(line);
    std::string owner, ttl, klass, type, data;
    fields >> owner >> ttl >> klass >> type >> std::ws;
    std::getline(fields, data);
    out.push_back(owner + " " + klass + " " + type + " " + data);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> sorted_lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) out.push_back(line);
  std::sort(out.begin(), out.end());
  return out;
}

class Foreign : public ::testing::Test {
 protected:
  Foreign() : cluster_("foreign") { cluster_.add_host("a", "iad", kConfig); }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(cluster_.form());
    const auto& host = cluster_.host("a");
    const auto log = host.folder + "/upstreams.log";
    upstreams_ =
        Process({"nsenter", "--net=" + host.netns_path(), "python3", "-c", kUpstreams}, log);
    ASSERT_TRUE(eventually([&] { return read_file(log).find("ready") != std::string::npos; }));
    for (const auto& [app, org] : {std::pair("web", "acme"), {"spy", "globex"}})
      cluster_.must("a", {"apps", "create", app, "--org", org});
    web_ = cluster_.run_machine("a", {"--app", "web", "--", "sleep", "1000"});
    spy_ = cluster_.run_machine("a", {"--app", "spy", "--", "sleep", "1000"});
  }

  std::string dig_as(const std::string& machine, Words words) {
    words.insert(words.begin(), "dig");
    words.insert(words.end(), {"--as", machine});
    return cluster_.must("a", words);
  }

  Cluster cluster_;
  Process upstreams_;
  std::string web_, spy_;
};

TEST_F(Foreign, DigPrintsWhatDigPrintsInsideTheMachine) {
  for (const char* type :
       {"A",     "AAAA",   "NS",        "PTR",      "DNAME", "MX",   "TXT",    "SOA",
        "SRV",   "CAA",    "SVCB",      "MD",       "MF",    "MB",   "MG",     "MR",
        "MINFO", "RP",     "AFSDB",     "RT",       "PX",    "KX",   "HTTPS",  "HINFO",
        "NAPTR", "DS",     "CDS",       "SSHFP",    "RRSIG", "NSEC", "DNSKEY", "CDNSKEY",
        "TLSA",  "SMIMEA", "TYPE65280", "TYPE65281"}) {
    auto mine = dig_as(web_, {"types.example", type});
    auto theirs = cluster_.in_machine("a", web_, {"dig", "types.example", type});
    ASSERT_FALSE(records_in(theirs.out).empty()) << type << theirs.out;
    EXPECT_EQ(records_in(mine), records_in(theirs.out)) << type;
    EXPECT_THAT(mine, HasSubstr("status: NOERROR\n;; flags: qr rd ra; QUERY: 1, ANSWER: "));
    EXPECT_THAT(theirs.out, HasSubstr("flags: qr rd ra;"));
  }
  for (const char* name :
       {"www.example", "absent.example", R"(odd\"\(\)\;\\\@\$\032\255.example)"}) {
    auto mine = dig_as(web_, {name, "A"});
    auto theirs = cluster_.in_machine("a", web_, {"dig", name, "A"});
    EXPECT_EQ(records_in(mine), records_in(theirs.out)) << name;
    auto status = theirs.out.substr(theirs.out.find("status: "));
    EXPECT_THAT(mine, HasSubstr(status.substr(0, status.find(',')) + "\n")) << name;
  }
  auto brief = cluster_.must("a", {"dig", "types.example", "A", "--short", "--as", web_});
  EXPECT_EQ(sorted_lines(brief), cluster_.dig("a", web_, "types.example", "A"));
}

TEST_F(Foreign, TheRuleIsTheAskersAndTold) {
  auto by_rule = dig_as(web_, {"hr.corp.example", "A", "--explain"});
  EXPECT_THAT(by_rule, HasSubstr("\tA\t192.0.2.9\n"));
  EXPECT_THAT(by_rule, HasSubstr(";; SERVER: the resolver of this host, by the rule for "
                                 "corp.example. and acme/default: [::1]:5302 (asked, "));
  EXPECT_THAT(by_rule, HasSubstr(";; view: network default of acme, as machine " + web_));
  EXPECT_THAT(by_rule, HasSubstr(";; servers: [::1]:5302\n"));
  EXPECT_EQ(cluster_.dig("a", web_, "hr.corp.example", "A"), Words{"192.0.2.9"});
  // The network that the rule is not for.
  auto without = dig_as(spy_, {"hr.corp.example", "A", "--explain"});
  EXPECT_THAT(without, HasSubstr("status: NXDOMAIN\n"));
  EXPECT_THAT(without, HasSubstr("by no rule: to the host's upstream resolvers (asked, "));
  EXPECT_THAT(without, HasSubstr(";; servers: [::1]:5301\n"));
  EXPECT_THAT(cluster_.in_machine("a", spy_, {"dig", "hr.corp.example", "A"}).out,
              HasSubstr("status: NXDOMAIN"));
  // The operator has to say which of the two is meant, and not where they do not differ.
  EXPECT_THAT(cluster_.sixpn("a", {"dig", "hr.corp.example", "A"}).err,
              HasSubstr("several networks know hr.corp.example"));
  EXPECT_EQ(cluster_.must("a", {"dig", "hr.corp.example", "A", "--org", "acme", "--short"}),
            "192.0.2.9\n");
  EXPECT_THAT(cluster_.must("a", {"dig", "once.example", "A"}), HasSubstr(" (asked, "));
  EXPECT_THAT(cluster_.must("a", {"dig", "once.example", "A"}), HasSubstr(" (kept)\n"));
}

TEST_F(Foreign, FailuresAreToldInTime) {
  auto absent = cluster_.sixpn("a", {"dig", "absent.example", "A", "--as", web_});
  EXPECT_EQ(absent.status, 0);
  EXPECT_THAT(absent.out, HasSubstr("status: NXDOMAIN\n"));
  EXPECT_THAT(absent.out, HasSubstr(";; AUTHORITY SECTION:\n.\t\t\t"));
  auto brief = cluster_.sixpn("a", {"dig", "absent.example", "A", "--as", web_, "--short"});
  EXPECT_EQ(brief.status, 1);
  EXPECT_EQ(brief.err, "sixpn: lookup failed: NXDOMAIN\n");

  auto told = cluster_.must("a", {"dig", "x.silent.example", "A", "--as", web_, "--json"});
  auto silent = boost::json::parse(told).as_object();
  EXPECT_EQ(silent["rcode"].as_string(), "SERVFAIL");
  EXPECT_EQ(silent["extended_errors"].as_array().at(0).as_string(),
            "22 (No Reachable Authority): (no upstream resolver answered)");
  EXPECT_LT(silent["took_us"].as_int64(), 5'000'000);  // of 4 s, and then stubs give up
  EXPECT_THAT(dig_as(web_, {"y.silent.example", "A"}),
              HasSubstr(";; EDE: 22 (No Reachable Authority): (no upstream resolver answered)\n"));
}

// What waits for upstream holds up neither the client that goes nor the agent that stops.
TEST_F(Foreign, WhoeverGoesMeanwhileIsForgotten) {
  const auto& host = cluster_.host("a");
  Process gone({SIXPN_CLI, "--socket", host.socket(), "dig", "z.silent.example", "A", "--as", web_},
               host.folder + "/gone.log");
  auto waits = [&] {
    auto status = boost::json::parse(cluster_.must("a", {"status", "--json"}));
    return status.at("dns").at("forwarding").at("in_flight").as_int64() > 0;
  };
  ASSERT_TRUE(eventually(waits));
  gone.signal(SIGKILL);
  gone.wait();
  EXPECT_TRUE(eventually([&] { return !waits(); }));
  EXPECT_THAT(cluster_.must("a", {"dig", "once.example", "A"}), HasSubstr("192.0.2.7"));
  Process stays({SIXPN_CLI, "--socket", host.socket(), "dig", "w.silent.example", "A"},
                host.folder + "/stays.log");
  ASSERT_TRUE(eventually(waits));
  cluster_.host("a").agent->signal(SIGTERM);
  EXPECT_EQ(cluster_.host("a").agent->wait(), 0);
  EXPECT_EQ(stays.wait(), 1);
}

}  // namespace
}  // namespace sixpn::testing
