// RFC 8906 section 8: the commands that a person would type to learn whether a server copes with
// what it does not know, and what they must print; on each of our zones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/netns/dns/lab.h"

namespace sixpn::dns::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

enum class Opt { kAbsent, kVersion0 };

struct Case {
  std::string name;  // of the test: section of the RFC and its subject
  std::string arguments;
  std::string asked = "soa ZONE";
  std::string status = "NOERROR";
  bool answers = true;  // a SOA record, from a server that has the zone
  Opt opt = Opt::kAbsent;
  std::string shows = "";     // more that dig must print
  std::string hides = "MBZ";  // what dig must not print: bits that must be zero, unless said
};

void PrintTo(const Case& tried, std::ostream* out) {
  *out << tried.name;
}

const std::string kPlain = "+noedns +noad +norec ";
const std::string kEdns0 = "+nocookie +edns=0 +noad +norec ";
const std::string kEdns1 = "+nocookie +edns=1 +noednsneg +noad +norec ";

const std::vector<Case> kCases = {
    {"8_1_1_ServesTheZone", kPlain},
    {"8_1_2_UnknownType", kPlain, "type1000 ZONE", "NOERROR", false},
    {"8_1_3_1_CheckingDisabled", kPlain + "+cd"},
    {"8_1_3_2_AuthenticData", "+noedns +norec +ad"},
    {"8_1_3_3_LastReservedBit", kPlain + "+zflag"},
    {"8_1_3_4_RecursionDesired", "+noedns +noad +rec"},
    {"8_1_4_UnknownOpcode", kPlain + "+opcode=15 +header-only", "", "NOTIMP", false, Opt::kAbsent,
     "QUERY: 0, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 0"},
    {"8_1_5_Tcp", kPlain + "+tcp"},
    {"8_2_1_MinimalEdns", kEdns0, "soa ZONE", "NOERROR", true, Opt::kVersion0},
    {"8_2_2_EdnsVersion1", kEdns1, "soa ZONE", "BADVERS", false, Opt::kVersion0},
    {"8_2_3_UnknownOption", kEdns0 + "+ednsopt=100", "soa ZONE", "NOERROR", true, Opt::kVersion0,
     "", "OPT=100"},
    {"8_2_4_UnknownFlag", kEdns0 + "+ednsflags=0x40", "soa ZONE", "NOERROR", true, Opt::kVersion0},
    {"8_2_5_Version1UnknownFlag", kEdns1 + "+ednsflags=0x40", "soa ZONE", "BADVERS", false,
     Opt::kVersion0},
    {"8_2_6_Version1UnknownOption", kEdns1 + "+ednsopt=100", "soa ZONE", "BADVERS", false,
     Opt::kVersion0, "", "OPT=100"},
    {"8_2_7_Truncated", "+noad +norec +dnssec +bufsize=512 +ignore", "aaaa big.internal", "NOERROR",
     false, Opt::kVersion0, "tc"},
    {"8_2_7_NothingToSign", "+noad +norec +dnssec +bufsize=512 +ignore", "dnskey ZONE", "NOERROR",
     false, Opt::kVersion0},
    {"8_2_8_DnssecOk", kEdns0 + "+dnssec", "soa ZONE", "NOERROR", true, Opt::kVersion0,
     "flags: do"},
    {"8_2_9_Version1DnssecOk", kEdns1 + "+dnssec", "soa ZONE", "BADVERS", false, Opt::kVersion0,
     "flags: do"},
    {"8_2_10_ManyOptions", "+edns=0 +noad +norec +cookie +nsid +expire +subnet=0.0.0.0/0",
     "soa ZONE", "NOERROR", true, Opt::kVersion0},
    {"8_2_EdnsOverTcp", kEdns0 + "+tcp", "soa ZONE", "NOERROR", true, Opt::kVersion0},
};

Words words_of(const std::string& text) {
  std::istringstream in(text);
  Words words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// "qr", "aa" ... of the header.
Words flags_of(const std::string& printed) {
  const std::string begin = ";; flags: ";
  std::size_t at = printed.find(begin);
  if (at == std::string::npos) return {};
  at += begin.size();
  return words_of(printed.substr(at, printed.find_first_of(";\n", at) - at));
}

class Rfc8906 : public ::testing::TestWithParam<Case> {
 protected:
  std::string dig(const std::string& zone) {
    std::string asked = GetParam().asked;
    if (auto at = asked.find("ZONE"); at != std::string::npos) asked.replace(at, 4, zone);
    std::string line = "dig +time=20 +tries=1 " + GetParam().arguments + " " + asked + " @fdaa::3";
    auto finished = lab_.run(words_of(line));
    EXPECT_EQ(finished.status, 0) << line << "\n" << finished.out << finished.err;
    return finished.out;
  }

  Lab lab_;
};

TEST_P(Rfc8906, PrintsWhatItShould) {
  const Case& tried = GetParam();
  for (const std::string zone : {"internal", "flycast", "a.a.d.f.ip6.arpa"}) {
    std::string printed = dig(zone);
    SCOPED_TRACE(printed);
    Words flags = flags_of(printed);
    bool asks_recursion = tried.arguments.find("+rec") != std::string::npos;
    bool authoritative = tried.status == "NOERROR";
    EXPECT_THAT(printed, HasSubstr("status: " + tried.status + ","));
    EXPECT_THAT(flags, Contains("qr"));
    EXPECT_EQ(std::count(flags.begin(), flags.end(), "aa"), authoritative ? 1 : 0);
    EXPECT_EQ(std::count(flags.begin(), flags.end(), "rd"), asks_recursion ? 1 : 0);
    EXPECT_THAT(flags, Not(Contains("ad")));
    EXPECT_EQ(printed.find("IN\tSOA\t_dns.internal.") != std::string::npos &&
                  printed.find(";; ANSWER SECTION:") != std::string::npos,
              tried.answers);
    EXPECT_EQ(printed.find("; EDNS: version: 0,") != std::string::npos,
              tried.opt == Opt::kVersion0);
    EXPECT_EQ(printed.find("; EDNS: version:") != std::string::npos, tried.opt == Opt::kVersion0);
    EXPECT_THAT(printed, HasSubstr(tried.shows));
    EXPECT_THAT(printed, Not(HasSubstr(tried.hides)));
    EXPECT_THAT(printed, Not(HasSubstr("WARNING"))) << "as dig sees it";
  }
}

INSTANTIATE_TEST_SUITE_P(Section, Rfc8906, ::testing::ValuesIn(kCases),
                         [](const auto& tried) { return tried.param.name; });

}  // namespace
}  // namespace sixpn::dns::testing
