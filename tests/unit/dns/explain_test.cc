#include "dns/core/explain.h"

#include <gtest/gtest.h>

#include "dns/core/render.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

Result<Explanation> dig(const std::string& name, const std::string& type) {
  Rng rng(1);
  return explain(*World().snapshot(), kAcme, viewer(), name, type, rng);
}

TEST(Explain, PrintsWhatAPacketWouldSay) {
  auto found = *dig("iad.web.internal", "aaaa");
  EXPECT_EQ(found.name, "iad.web.internal.");
  EXPECT_EQ(found.type, "AAAA");
  EXPECT_EQ(found.rcode, "NOERROR");
  EXPECT_EQ(found.generation, 42U);
  ASSERT_EQ(found.answers.size(), 1U);
  EXPECT_EQ(found.answers[0], "iad.web.internal.\t5\tIN\tAAAA\t" + to_string(asker()));
  EXPECT_TRUE(found.authority.empty());

  auto missing = *dig("nothing.internal", "AAAA");
  EXPECT_EQ(missing.rcode, "NXDOMAIN");
  ASSERT_EQ(missing.authority.size(), 1U);
  EXPECT_EQ(dig("regions.web.internal", "TXT")->answers[0],
            "regions.web.internal.\t5\tIN\tTXT\t\"fra,iad,nrt\"");
}

TEST(Explain, SaysThatOtherNamesAreForwarded) {
  auto foreign = *dig("example.org", "A");
  EXPECT_TRUE(foreign.forwarded);
  EXPECT_TRUE(foreign.rcode.empty());
  EXPECT_FALSE(foreign.note.empty());
}

TEST(Explain, BadInputIsNamed) {
  EXPECT_EQ(dig("a..b", "AAAA").error().message, "'a..b' is not a domain name");
  EXPECT_EQ(dig("web.internal", "AAAAA").error().message,
            "'AAAAA' is not a record type (try AAAA, TXT or PTR)");
  EXPECT_EQ(dig("web.internal", "TYPE65280")->rcode, "NOERROR");
}

TEST(Render, TypesAndCodesHaveNames) {
  EXPECT_EQ(parse_rr_type("ptr"), kTypePtr);
  EXPECT_EQ(parse_rr_type("TYPE28"), kTypeAaaa);
  EXPECT_EQ(parse_rr_type(""), std::nullopt);
  EXPECT_EQ(rr_type_name(kTypeTxt), "TXT");
  EXPECT_EQ(to_string(Rcode::kServFail), "SERVFAIL");
}

}  // namespace
}  // namespace sixpn::dns::testing
