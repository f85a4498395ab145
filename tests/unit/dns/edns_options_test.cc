// Options in, options out.
#include "dns/core/edns_options.h"

#include <gtest/gtest.h>

#include "dns/core/plain_query.h"
#include "parsed_reply.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

using namespace std::string_literals;

std::string option(std::size_t code, const std::string& value) {
  return u16(code) + u16(value.size()) + value;
}

constexpr WallTime kNow = from_unix_ms(1'700'000'000'000);

std::string answered(const EdnsOptions& asked, Transport transport, std::string id = "host-a") {
  OptionAnswers answers({std::move(id), {1, 2}});
  ReplyOptions reply;
  answers.answer(asked, asker(), transport, kNow, reply);
  return std::string(reply.bytes());
}

TEST(EdnsOptions, TheFirstCookieCounts) {
  EdnsOptions options;
  auto rdata = option(10, "firstone") + option(3, "") + option(10, "x") + option(12, "padding");
  ASSERT_TRUE(read_edns_options(rdata, options));
  EXPECT_EQ(options.cookie, "firstone");
  EXPECT_TRUE(options.nsid);
  EXPECT_FALSE(options.keepalive);
}

TEST(EdnsOptions, CookiesHaveTheLengthsOfRfc7873) {
  for (std::size_t size = 0; size < 64; ++size) {
    EdnsOptions options;
    EXPECT_EQ(read_edns_options(option(10, std::string(size, 'c')), options),
              size == 8 || (size >= 16 && size <= 40))
        << size;
  }
}

TEST(EdnsOptions, APlainQueryKeepsThem) {
  PlainQuery query;
  auto message =
      encode({.edns_size = 1232, .edns_options = option(10, "12345678") + option(3, "")});
  ASSERT_TRUE(read_plain_query(message, query));
  EXPECT_EQ(query.options.cookie, "12345678");
  EXPECT_TRUE(query.options.nsid);
  ASSERT_TRUE(read_plain_query(encode({.edns_size = 1232}), query));
  EXPECT_FALSE(query.options.any());
  EXPECT_FALSE(
      read_plain_query(encode({.edns_size = 1232, .edns_options = option(10, "short")}), query));
}

TEST(EdnsOptions, EachIsAnsweredOnlyWhenAsked) {
  EXPECT_EQ(answered({}, Transport::kUdp), "");
  EXPECT_EQ(answered({"", true, false}, Transport::kUdp), option(3, "host-a"));
  EXPECT_EQ(answered({"", true, false}, Transport::kUdp, ""), "");
  EXPECT_EQ(answered({"", true, false}, Transport::kUdp, std::string(300, 'n')),
            option(3, std::string(64, 'n')));
  EXPECT_EQ(answered({"", false, true}, Transport::kTcp), option(11, u16(100)));
  EXPECT_EQ(answered({"", false, true}, Transport::kUdp), "");
  auto cookie = answered({"12345678", false, false}, Transport::kUdp);
  EXPECT_EQ(cookie.size(), 4U + 24U);
  EXPECT_EQ(cookie.substr(0, 12), u16(10) + u16(24) + "12345678");
}

TEST(EdnsOptions, AllOfThemFit) {
  OptionAnswers answers({std::string(64, 'n'), {1, 2}});
  ReplyOptions reply;
  answers.answer({"12345678", true, true}, asker(), Transport::kTcp, kNow, reply);
  reply.add_extended_error(ExtendedErrorCode::kOther, std::string(300, 't'));
  EXPECT_EQ(reply.bytes().size(), 28U + 68U + 6U + 6U + ReplyOptions::kMaxErrorText);
  EXPECT_EQ(reply.bytes().size(), ReplyOptions::kMostBytes);
}

TEST(EdnsOptions, WhatDoesNotFitIsLeftOutWhole) {
  ReplyOptions reply;
  auto cookie = option(10, "12345678");
  reply.add(cookie);
  reply.add(std::string(ReplyOptions::kMostBytes - cookie.size() + 1, 'x'));
  EXPECT_EQ(reply.bytes(), cookie);
  reply.add(std::string(ReplyOptions::kMostBytes - cookie.size(), 'y'));
  EXPECT_EQ(reply.bytes().size(), ReplyOptions::kMostBytes);
  reply.add_extended_error(ExtendedErrorCode::kOther, "");
  EXPECT_EQ(reply.bytes().size(), ReplyOptions::kMostBytes);
}

}  // namespace
}  // namespace sixpn::dns::testing
