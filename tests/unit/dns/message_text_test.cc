// Replies from upstream as text: what dig prints of them, and that no bytes are too strange.
#include "dns/core/message_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "dns/core/rdata_text.h"
#include "dns/core/render.h"
#include "dns/core/wire_name.h"
#include "parsed_reply.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::string_literals;

constexpr std::size_t kQuestionBytes = 12 + 13 + 4;  // header, "example.org", type and class
const std::string kOwner = "\xc0\x0c";               // the question's name

std::string wire(const std::string& name) {
  return Name::from_text(name)->wire();
}

std::string header(unsigned flags, std::size_t answers, std::size_t authority = 0,
                   std::size_t additional = 0) {
  return u16(7) + u16(flags) + u16(1) + u16(answers) + u16(authority) + u16(additional) +
         wire("example.org") + u16(kTypeA) + u16(kClassIn);
}

std::string record(unsigned type, const std::string& data, unsigned klass = kClassIn,
                   const std::string& owner = kOwner) {
  return owner + u16(type) + u16(klass) + u16(0) + u16(300) + u16(data.size()) + data;
}

std::string opt(const std::string& options, unsigned extended_rcode = 0) {
  return record(kTypeOpt, options, 1232, "\0"s).replace(5, 4, u16(extended_rcode << 8) + u16(0));
}

std::string option(unsigned code, const std::string& value) {
  return u16(code) + u16(value.size()) + value;
}

std::string error_of(const std::string& message) {
  auto said = describe_message(message);
  return said ? "" : said.error().message;
}

struct Case {
  unsigned type;
  std::string data, text;
};

// What dig 9.18 prints of the same bytes (tests/netns/cluster/foreign_test.cc asks it).
std::vector<Case> cases() {
  return {
      {1, "\xc0\x00\x02\x01"s, "A\t192.0.2.1"},
      {28, "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01", "AAAA\t2001:db8::1"},
      {28, std::string(10, '\0') + "\xff\xff\xc0\x00\x02\x01"s, "AAAA\t::ffff:192.0.2.1"},
      {2, "\x02ns" + kOwner, "NS\tns.example.org."},
      {5, wire("a.b"), "CNAME\ta.b."},
      {39, wire("d.example"), "DNAME\td.example."},
      {12, wire("."), "PTR\t."},
      {15, u16(10) + "\x04mail" + kOwner, "MX\t10 mail.example.org."},
      {16,
       "\x03"
       "abc",
       "TXT\t\"abc\""},
      {16,
       "\x05"
       "a b;c"
       "\x00"s +
           "\x04\"\\\x01\xff",
       R"(TXT	"a b;c" "" "\"\\\001\255")"},
      {6,
       "\x02ns" + kOwner + wire("h.m") + u16(0) + u16(1) + u16(0) + u16(2) + u16(0) + u16(3) +
           u16(0) + u16(4) + u16(0xffff) + u16(0xffff),
       "SOA\tns.example.org. h.m. 1 2 3 4 4294967295"},
      {33, u16(1) + u16(2) + u16(443) + wire("s.example"), "SRV\t1 2 443 s.example."},
      {257, "\x80\x05issueca.example; x=\"y\"", R"(CAA	128 issue "ca.example; x=\"y\"")"},
      {257, "\x00\x05issue"s, "CAA\t0 issue \"\""},
      {13, "\x03x86\x05Linux", R"(HINFO	"x86" "Linux")"},
      {35,
       u16(1) + u16(2) +
           "\x01u\x07"
           "E2U+sip\x04!^.!" +
           wire("."),
       R"(NAPTR	1 2 "u" "E2U+sip" "!^.!" .)"},
      {43, u16(20326) + "\x08\x02" + std::string(32, '\xab'),
       "DS\t20326 8 2 ABABABABABABABABABABABABABABABABABABABABABABABABABABABAB ABABABAB"},
      {44, "\x04\x02\xab\xcd", "SSHFP\t4 2 ABCD"},
      {46,
       u16(1) + "\x0d\x02" + u16(1) + u16(20864) + u16(0x6792) + u16(0xe3c7) + u16(0) + u16(1) +
           u16(7) + wire("example.org") + "abc",
       "RRSIG\tA 13 2 86400 20250124005015 19700101000001 7 example.org. YWJj"},
      {47, wire("b.example") + "\x00\x02\x62\x01\x01\x01\x40"s, "NSEC\tb.example. A NS SOA MX CAA"},
      {47, wire("b.example") + "\xff\x20"s + std::string(31, '\0') + '\x01',
       "NSEC\tb.example. TYPE65535"},
      {48, u16(257) + "\x03\x0d" + std::string(45, '\0'),
       "DNSKEY\t257 3 13 " + std::string(56, 'A') + " AAAA"},
      {52, "\x03\x01\x01\xab", "TLSA\t3 1 1 AB"},
      {65280, "\xab\xcd\xef", "TYPE65280\t\\# 3 ABCDEF"},
      {65280, "", "TYPE65280\t\\# 0"},
      {2, "\x09\"();\\@$ \xff\x00"s, R"(NS	\"\(\)\;\\\@\$\032\255.)"},
      {64, u16(0) + wire("t.example"), "SVCB\t0 t.example."},
      {65, u16(1) + wire("."), "HTTPS\t1 ."},
      {65,
       u16(1) + wire(".") + option(1, "\x02h2\x02h3") + option(3, u16(8443)) +
           option(4, "\xc0\x00\x02\x01\xc0\x00\x02\x02"s) + option(5, "\x01\x02\x03\x04") +
           option(6, "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01"),
       "HTTPS\t1 . alpn=\"h2,h3\" port=8443 ipv4hint=192.0.2.1,192.0.2.2 ech=AQIDBA== "
       "ipv6hint=2001:db8::1"},
      {64,
       u16(1) + wire(".") + option(0, u16(1) + u16(667)) +
           option(1,
                  "\x05"
                  "a,b\\\"") +
           option(2, "") + option(7, "/q{?dns}") + option(667, "x\xff\"") + option(668, ""),
       R"(SVCB	1 . mandatory=alpn,key667 alpn="a\\,b\\\\\"" no-default-alpn dohpath="/q{?dns}" )"
       R"(key667="x\255\"" key668)"},
  };
}

TEST(MessageText, EveryTypeAsDigPrintsIt) {
  for (const auto& c : cases()) {
    auto message = header(0x8180, 1) + record(c.type, c.data);
    auto said = describe_message(message);
    ASSERT_TRUE(said) << c.text << ": " << said.error().message;
    EXPECT_THAT(said->answers, ElementsAre("example.org.\t300\tIN\t" + c.text));
  }
}

TEST(MessageText, DataCutOrTooLongAreMalformed) {
  for (const auto& c : cases()) {
    if (c.type == 65280) continue;  // any bytes are good
    constexpr std::array kOpenEnded{16, 43, 44, 46, 47, 48, 52, 64, 65, 257};
    bool is_strings = std::find(kOpenEnded.begin(), kOpenEnded.end(), c.type) != kOpenEnded.end();
    for (std::size_t size = 0; size < c.data.size(); ++size) {
      auto said = describe_message(header(0x8180, 1) + record(c.type, c.data.substr(0, size)));
      // Some ends fall between two strings or parameters.
      if (is_strings && said) continue;
      EXPECT_FALSE(said) << c.text << " at " << size;
    }
    if (is_strings && c.type != 47 && c.type != 64 && c.type != 65) continue;
    EXPECT_THAT(error_of(header(0x8180, 1) + record(c.type, c.data + '\x01')),
                HasSubstr("in record 1 of the answer section"))
        << c.text;
  }
}

TEST(MessageText, CutAnywhereItIsAnErrorAndNothingElse) {
  std::string answers;
  for (const auto& c : cases()) answers += record(c.type, c.data);
  auto whole = header(0x8180, cases().size(), 1, 1) + answers + record(2, wire("ns.example")) +
               opt(option(15, u16(22) + "why"));
  auto said = describe_message(whole);
  ASSERT_TRUE(said) << said.error().message;
  EXPECT_EQ(said->answers.size(), cases().size());
  EXPECT_THAT(said->authority, ElementsAre("example.org.\t300\tIN\tNS\tns.example."));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(error_of(whole.substr(0, size)), "") << size;
  EXPECT_EQ(error_of(whole + "x"), "something stands behind its last record");
}

TEST(MessageText, HeaderAndExtendedErrors) {
  auto said = *describe_message(header(0x87b3, 0, 0, 1) +
                                opt(option(10, "12345678") + option(15, u16(3)) +
                                        option(15, u16(22) + "no \"one\"\x01\xff") +
                                        option(15, u16(999) + "x\0"s),
                                    1));
  EXPECT_THAT(said.flags, ElementsAre("qr", "aa", "tc", "rd", "ra", "ad", "cd"));
  EXPECT_EQ(said.question, "example.org.\tIN\tA");
  EXPECT_EQ(said.rcode, "BADMODE");
  EXPECT_TRUE(said.additional.empty());
  EXPECT_THAT(said.extended_errors,
              ElementsAre("3 (Stale Answer)",
                          R"(22 (No Reachable Authority): (no \"one\"\001\255))", "999: (x)"));
}

TEST(MessageText, CodesHaveNames) {
  const std::pair<unsigned, const char*> codes[] = {
      {0, "NOERROR"}, {2, "SERVFAIL"}, {3, "NXDOMAIN"}, {5, "REFUSED"},
      {9, "NOTAUTH"}, {12, "RCODE12"}, {15, "RCODE15"}};
  for (const auto& [code, name] : codes)
    EXPECT_EQ(describe_message(header(0x8000 | code, 0))->rcode, name);
  EXPECT_EQ(describe_message(header(0x8000, 0, 0, 1) + opt("", 1))->rcode, "BADVERS");
  EXPECT_EQ(describe_message(header(0x8007, 0, 0, 1) + opt("", 1))->rcode, "BADCOOKIE");
  EXPECT_EQ(describe_message(header(0x8001, 0, 0, 1) + opt("", 255))->rcode, "RCODE4081");
}

TEST(MessageText, ClassesAndOwners) {
  auto said = *describe_message(
      header(0x8180, 4) + record(1, "\x01\x02\x03\x04", 3, wire("a b.\\000")) +
      record(28, "x", 255, "\0"s) + record(16, "\x01x", 4) + record(65280, "", 1000));
  EXPECT_THAT(said.answers,
              ElementsAre("a\\032b.\\000.\t300\tCH\tA\t\\# 4 01020304",
                          ".\t300\tANY\tAAAA\t\\# 1 78", "example.org.\t300\tHS\tTXT\t\"x\"",
                          "example.org.\t300\tCLASS1000\tTYPE65280\t\\# 0"));
}

TEST(MessageText, WhatIsNoReplyToOneQuestion) {
  EXPECT_EQ(error_of(""), "it is shorter than a header");
  EXPECT_EQ(error_of(header(0x0100, 0)), "it is no reply");
  EXPECT_EQ(error_of(header(0xa800, 0)), "it is no reply to a query");
  EXPECT_EQ(error_of(header(0x8180, 0).replace(4, 2, u16(2))), "it has 2 questions, not one");
  EXPECT_EQ(error_of(header(0x8180, 0).replace(12, 1, "\x40")), "its question is malformed");
  EXPECT_EQ(error_of(header(0x8180, 0).replace(12, 2, "\xc0\x0c")), "its question is malformed");
  EXPECT_EQ(error_of(std::string(70000, '\0')), "it is longer than a message can be");
}

TEST(MessageText, OptStandsOnceAtTheRootAndLast) {
  auto malformed = [](const std::string& section, int number) {
    return "it has a malformed OPT in record " + std::to_string(number) + " of the " + section +
           " section";
  };
  EXPECT_EQ(error_of(header(0x8180, 1) + opt("")), malformed("answer", 1));
  EXPECT_EQ(error_of(header(0x8180, 0, 0, 2) + opt("") + opt("")), malformed("additional", 2));
  EXPECT_EQ(error_of(header(0x8180, 0, 0, 1) + record(kTypeOpt, "")), malformed("additional", 1));
  for (const auto& options : {"\x00"s, u16(15), u16(15) + u16(1), u16(15) + u16(1) + "x"})
    EXPECT_EQ(error_of(header(0x8180, 0, 0, 1) + opt(options)), malformed("additional", 1));
}

std::string pointer(std::size_t to) {
  return u16(0xc000 | to);
}

TEST(MessageText, PointersGoBackwardsOnly) {
  auto owned_by = [](const std::string& owner) {
    return error_of(header(0x8180, 1) + record(1, "\x01\x02\x03\x04", 1, owner));
  };
  const std::string malformed = "it is malformed in record 1 of the answer section";
  EXPECT_EQ(owned_by(pointer(12)), "");
  EXPECT_EQ(owned_by("\x01x" + pointer(20)), "");                     // "x.org."
  EXPECT_EQ(owned_by(pointer(kQuestionBytes)), malformed);            // at itself
  EXPECT_EQ(owned_by("\x01x" + pointer(kQuestionBytes)), malformed);  // at its own start
  EXPECT_EQ(owned_by(pointer(kQuestionBytes + 2)), malformed);        // forward
  EXPECT_EQ(owned_by(pointer(0)), malformed);                         // into the header
  EXPECT_EQ(owned_by(pointer(11)), malformed);
  EXPECT_EQ(owned_by(pointer(0x3fff)), malformed);  // beyond the end
  EXPECT_EQ(owned_by("\x80x"), malformed);
  // The data's own name may point at the owner, not at itself.
  auto at = kQuestionBytes + kOwner.size() + 10;
  EXPECT_EQ(error_of(header(0x8180, 1) + record(5, pointer(kQuestionBytes))), "");
  EXPECT_NE(error_of(header(0x8180, 1) + record(5, pointer(at))), "");
  EXPECT_NE(error_of(header(0x8180, 1) + record(39, u16(0xc000 | at))), "");
}

// Each pointer points at the one before; the first at a name.
TEST(MessageText, ChainsOfPointersAreBounded) {
  auto chain = [](std::size_t pointers) {
    std::string bytes(12, '\0');
    bytes += wire("a");
    auto at = bytes.size();
    bytes += pointer(12);
    for (std::size_t i = 1; i < pointers; ++i, at += 2) bytes += pointer(at);
    return bytes;
  };
  for (std::size_t pointers : {1U, 2U, 127U, 128U, 5000U}) {
    auto bytes = chain(pointers);
    WireReader reader(bytes);
    reader.bytes(bytes.size() - 2);
    auto name = read_name(bytes, reader);
    EXPECT_EQ(name.has_value(), pointers <= kMostPointers) << pointers;
    EXPECT_EQ(to_string(name.value_or(Name())), name ? "a." : ".");
  }
}

TEST(MessageText, NamesHave255BytesAtMost) {
  const std::string label = '\x3f' + std::string(63, 'x');
  auto whole = [&](std::size_t last) {
    return label + label + label + static_cast<char>(last) + std::string(last, 'y') + '\0';
  };
  auto error = [](const std::string& owner) {
    return error_of(header(0x8180, 1) + record(1, "\x01\x02\x03\x04", 1, owner));
  };
  EXPECT_EQ(error(whole(61)), "");
  EXPECT_NE(error(whole(62)), "");
  // 255 bytes, and a label before the pointer to them.
  auto two = header(0x8180, 2) + record(1, "\x01\x02\x03\x04", 1, whole(61));
  EXPECT_EQ(error_of(two + record(5, pointer(kQuestionBytes))), "");
  EXPECT_NE(error_of(two + record(5, "\x01x" + pointer(kQuestionBytes))), "");
}

// 255 bytes that no text has a letter for, and thousands of records that point at them.
TEST(MessageText, TheTextIsBounded) {
  const std::string label = '\x3f' + std::string(63, '\x01');
  auto owner = label + label + label + '\0';
  auto message = header(0x8180, 5001) + record(1, "\x01\x02\x03\x04", 1, owner);
  for (int i = 0; i < 5000; ++i) message += record(65280, "", 1, pointer(kQuestionBytes));
  ASSERT_LT(message.size(), kMaxMessageBytes);
  EXPECT_EQ(error_of(message), "it is more than 1048576 bytes of text");
}

// Without what dig and ldns differ in: the case of hexadecimal, where words of it and of base64
// end, what a key is said to be in a comment.
std::string plain(std::string text) {
  text.erase(std::min(text.find(" ;{"), text.size()));
  std::erase_if(text, [](char c) { return c == ' ' || c == '\t'; });
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return text;
}

// Another reader agrees, where it knows the type as dig does; it has no word for an empty value.
TEST(MessageText, LdnsReadsTheSame) {
  for (const auto& c : cases()) {
    if (c.type == 64 || c.type == 65 || c.type == 65280 || c.text.find('$') != std::string::npos ||
        c.text.ends_with("issue \"\""))
      continue;
    auto message = header(0x8180, 1) + record(c.type, c.data);
    auto other = parse_reply(message);
    ASSERT_TRUE(other) << c.text;
    EXPECT_EQ(plain(other->answers.at(0)), plain(describe_message(message)->answers.at(0)));
  }
}

// What we answer ourselves, read back, is what `sixpn dig` says of it.
TEST(MessageText, OwnAnswersReadTheSame) {
  auto snapshot = World().snapshot();
  const std::pair<const char*, RrType> questions[] = {
      {"web.internal", kTypeAaaa},     {"vms.web.internal", kTypeTxt},
      {"nothing.internal", kTypeAaaa}, {"_http._tcp.web.internal", kTypeSrv},
      {"internal", kTypeSoa},          {"web.flycast", kTypeHttps},
      {"web.flycast", kTypeAaaa},      {"_instances.internal", kTypeTxt}};
  for (const auto& [name, type] : questions) {
    Query query;
    query.question = DnsQuestion{*Name::from_text(name), type, kClassIn};
    query.edns = Edns{};
    auto said = ask(*snapshot, name, type);
    auto text = describe_message(render_answer(query, said, kMaxMessageBytes).message);
    ASSERT_TRUE(text) << name << ": " << text.error().message;
    auto lines = [](const std::vector<ResourceRecord>& records) {
      std::vector<std::string> out;
      for (const auto& each : records) out.push_back(to_string(each));
      return out;
    };
    EXPECT_EQ(text->answers, lines(said.answers)) << name;
    EXPECT_EQ(text->authority, lines(said.authority)) << name;
    EXPECT_EQ(text->additional, lines(said.additional)) << name;
    EXPECT_EQ(text->rcode, to_string(said.rcode));
  }
}

}  // namespace
}  // namespace sixpn::dns::testing
