// What other people's testers of DNS servers say of ours. Nothing may be left of their complaints
// but what cannot be had of a private zone, and that is listed here, each with its reason.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "tests/netns/dns/clients.h"
#include "tests/netns/dns/lab.h"

namespace sixpn::dns::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

constexpr const char* kZones[] = {"internal", "flycast", "a.a.d.f.ip6.arpa"};

// What zonemaster says of every zone that is like ours.
const std::map<std::string, std::string> kExempt = {
    {"NAMESERVER_IP_PRIVATE_NETWORK", "the resolver is for machines of private networks alone"},
    {"NOT_ENOUGH_NS_DEL", "every host answers at the same address: one server is never far"},
    {"NOT_ENOUGH_NS_CHILD", "the same"},
    {"NOT_ENOUGH_IPV6_NS_DEL", "the same"},
    {"NOT_ENOUGH_IPV6_NS_CHILD", "the same"},
    {"NO_IPV4_NS_DEL", "networks of machines have no IPv4"},
    {"NO_IPV4_NS_CHILD", "the same"},
    {"NOT_SIGNED", "the zone differs from network to network, and no parent could vouch for it"},
    {"NEITHER_DNSKEY_NOR_DS", "the same"},
    {"IS_A_RECURSOR", "machines have one resolver, which forwards what is not ours"},
    {"NAMESERVER_NON_ALLOWED_CHARS", "_dns.internal: every name without a _ may be an app"},
    {"MNAME_NON_ALLOWED_CHARS", "the same"},
    {"RNAME_RFC822_INVALID", "nobody reads mail here, and a name with two dots might be an app"},
    {"SOA_DEFAULT_TTL_MAXIMUM_VALUE_LOWER", "a missing name may exist in five seconds"},
};

class Judges : public ::testing::Test {
 protected:
  // Standard output of a judge that must succeed.
  std::string judge(const Words& words) {
    auto finished = lab_.run(words);
    EXPECT_EQ(finished.status, 0) << words[0] << ": " << finished.out << finished.err;
    return finished.out;
  }
  [[nodiscard]] std::string file(const std::string& name) const {
    return lab_.folder() + "/" + name;
  }

  Lab lab_;
};

// The root, of which it takes the parent zone from, is our server too: no zone is delegated.
TEST_F(Judges, Zonemaster) {
  sixpn::testing::write_file(file("hints"),
                             ". 3600000 NS _dns.internal.\n"
                             "_dns.internal. 3600000 AAAA fdaa::3\n");
  for (const std::string zone : kZones) {
    std::set<std::string> passed, complaints, exempted;
    auto said = judge({"zonemaster-cli", "--hints", file("hints"), "--no-ipv4", "--ns",
                       "_dns.internal/fdaa::3", "--level", "INFO", "--json", zone});
    boost::json::error_code failed;
    auto list = boost::json::parse(said, failed);
    ASSERT_TRUE(!failed && list.is_array()) << said;
    for (const auto& each : list.as_array()) {
      std::string tag(each.at("tag").as_string());
      if (each.at("level").as_string() == "INFO")
        passed.insert(tag);
      else if (kExempt.contains(tag))
        exempted.insert(tag);
      else
        complaints.insert(boost::json::serialize(each));
    }
    EXPECT_THAT(complaints, IsEmpty()) << zone;
    // It did ask, and about these.
    EXPECT_THAT(passed, IsSupersetOf({"HAS_NAMESERVERS", "ARE_AUTHORITATIVE", "EDNS0_SUPPORT",
                                      "AXFR_FAILURE", "SAME_SOURCE_IP", "NO_UPWARD_REFERRAL",
                                      "CASE_QUERIES_RESULTS_OK", "NAMES_MATCH", "SOA_EXISTS"}))
        << zone;
    EXPECT_EQ(exempted.size(), kExempt.size()) << zone << ": an exemption has lost its reason";
  }
}

TEST_F(Judges, Dnsviz) {
  auto probe = [&](const std::string& zone, const std::string& server, const Words& names) {
    Words words = {"dnsviz",
                   "probe",
                   "-d",
                   "0",
                   "-A",
                   "-6",
                   "-E",
                   "-o",
                   file("probe"),
                   "-x",
                   zone + "+:_dns.internal=[" + server + "]"};
    words.insert(words.end(), names.begin(), names.end());
    judge(words);
  };
  auto grok = [&](const std::string& level) {
    return judge({"dnsviz", "grok", "-l", level, "-r", file("probe")});
  };
  for (const std::string zone : kZones) {
    probe(zone, kResolver, {zone});
    EXPECT_EQ(grok("warning"), "");
    EXPECT_THAT(grok("info"), HasSubstr("\"fdaa::3\"")) << "it looked at our answers";
  }
  probe("internal", kResolver, {kApp, kBigApp, kMissing, "vm.app.internal", "_dns.internal"});
  EXPECT_EQ(grok("warning"), "");
  EXPECT_THAT(grok("info"), HasSubstr("big.internal./IN/AAAA"));
  // It does complain where there is something to complain about.
  probe("internal", "fdaa::4", {"internal"});
  EXPECT_THAT(grok("warning"), HasSubstr("ECONNREFUSED"));
}

// Everything that the resolver says, taken apart by somebody else.
TEST_F(Judges, Tshark) {
  for (const auto& client : clients())
    for (const char* name : {kMissing, kBigApp}) lab_.run(lookup(client, name));
  // Options before the first name hold for all.
  const std::string asked =
      " app.internal AAAA app.internal ANY big.internal AAAA nothere.internal A"
      " empty.internal AAAA vm.app.internal HTTPS _instances.internal TXT vms.big.internal TXT"
      " _apps.internal TXT internal SOA internal NS flycast NS web.flycast AAAA"
      " web.flycast HTTPS _http._tcp.web.internal SRV _registry.internal TXT localhost A"
      " elsewhere.example A version.bind CH TXT -x fdaa:1:203:a1:1:1:501:2 internal AXFR";
  for (const std::string options :
       {"+tcp", "+noedns", "+edns=1 +noednsneg", "+bufsize=512 +ignore", "+dnssec +nsid +cookie",
        "+ednsopt=100", "+opcode=15", "+tcp +keepalive", "+subnet=192.0.2.0/24"})
    lab_.run({"sh", "-c", "dig @fdaa::3 +time=20 +tries=1 " + options + asked});
  lab_.run({"dig", "@fdaa::3", "+header-only"});
  auto traffic = lab_.link().take();
  EXPECT_EQ(lab_.link().lost(), 0U);
  lab_.link().write_pcap(file("session.pcap"));

  auto frames = [&](const std::string& filter) {
    return judge({"tshark", "-n", "-r", file("session.pcap"), "-Y", filter});
  };
  const std::string ours = "ipv6.src == fdaa::3 && dns";
  EXPECT_EQ(frames(ours + " && _ws.malformed"), "");
  EXPECT_EQ(frames(ours + " && _ws.expert.severity >= \"Warning\""), "");
  // It took all of them for DNS: those over UDP, and at least one for each connection.
  auto dissected = frames(ours);
  EXPECT_GE(static_cast<std::size_t>(std::count(dissected.begin(), dissected.end(), '\n')),
            traffic.replies.size() + traffic.tcp_connections);
  EXPECT_GT(traffic.tcp_connections, 0U);
}

}  // namespace
}  // namespace sixpn::dns::testing
