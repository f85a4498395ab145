#include "flycast/core/http_exchange.h"

#include <gtest/gtest.h>

#include "flycast/core/replay_course.h"

namespace sixpn::flycast {
namespace {

RequestHead head_of(const std::string& method, BodyKind kind, std::uint64_t length = 0) {
  RequestHead head;
  head.method = method;
  head.target = "/";
  head.host = "h";
  head.body = {kind, length};
  return head;
}

const std::string kOpening = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string attempt(HttpExchange& exchange) {
  std::string sent;
  exchange.begin_attempt(sent);
  return sent;
}

TEST(HttpExchange, WhatCameBeforeAMachineFollowsItsHead) {
  HttpExchange exchange(head_of("PUT", BodyKind::kStreamed));
  EXPECT_TRUE(exchange.body_untouched());
  std::string sent;
  exchange.on_request_piece("hello", sent);
  EXPECT_EQ(sent, "");
  EXPECT_FALSE(exchange.body_untouched());
  EXPECT_EQ(attempt(exchange), kOpening + "5\r\nhello\r\n");
  exchange.on_request_piece("!", sent);
  EXPECT_EQ(sent, "1\r\n!\r\n");
  HeaderList trailers{{"A", "b"}};
  exchange.on_request_end(trailers, sent);
  EXPECT_EQ(sent, "1\r\n!\r\n0\r\nA: b\r\n\r\n");
  EXPECT_TRUE(exchange.request_ended());
  EXPECT_FALSE(exchange.wants_body());
}

TEST(HttpExchange, ItIsSentOnceMoreWhole) {
  HttpExchange exchange(head_of("PUT", BodyKind::kStreamed));
  std::string first = attempt(exchange);
  std::string sent;
  exchange.on_request_piece("hello", sent);
  exchange.end_attempt();
  ASSERT_TRUE(exchange.may_resend());
  EXPECT_EQ(attempt(exchange), first + sent);
  exchange.end_attempt();
  EXPECT_FALSE(exchange.may_resend()) << "two machines may have died of it";
}

TEST(HttpExchange, NotWhenItCouldActTwice) {
  HttpExchange post(head_of("POST", BodyKind::kNone));
  attempt(post);
  post.end_attempt();
  EXPECT_FALSE(post.may_resend());
}

TEST(HttpExchange, WhatNoMachineSawIsSentWhateverItIsAndSoManyTimes) {
  HttpExchange post(head_of("POST", BodyKind::kNone));
  for (int i = 0; i < kMaxResends; ++i) {
    attempt(post);
    post.end_attempt(true);
    ASSERT_TRUE(post.may_resend()) << i;
  }
  attempt(post);
  post.end_attempt(true);
  EXPECT_FALSE(post.may_resend());
  HttpExchange seen_at_last(head_of("POST", BodyKind::kNone));
  attempt(seen_at_last);
  seen_at_last.end_attempt(true);
  attempt(seen_at_last);
  seen_at_last.end_attempt();
  EXPECT_FALSE(seen_at_last.may_resend());
}

TEST(HttpExchange, NotWhenAByteOfTheResponseCame) {
  HttpExchange exchange(head_of("GET", BodyKind::kNone));
  attempt(exchange);
  std::string_view bytes = "H";
  EXPECT_EQ(exchange.next(bytes), ReadEvent::kMore);
  exchange.end_attempt();
  EXPECT_FALSE(exchange.may_resend());
}

// A body that may have to be replayed is kept longer, while there is room for it.
TEST(HttpExchange, KeepsMoreWhileAllTogetherKeepLittle) {
  KeptBodies all;
  const std::string piece(256 * 1024, 'x');
  {
    HttpExchange exchange(head_of("PUT", BodyKind::kLength, 10 * kMaxReplayedBody), &all);
    attempt(exchange);
    std::string sent;
    for (int i = 0; i < 4; ++i) exchange.on_request_piece(piece, sent);
    EXPECT_TRUE(exchange.can_repeat());
    EXPECT_EQ(all.bytes, kMaxReplayedBody - kMaxKeptBody);
    exchange.on_request_piece("x", sent);
    EXPECT_FALSE(exchange.can_repeat());
    EXPECT_EQ(all.bytes, 0U);
  }
  all.bytes = kMaxKeptInAll - 1;  // of others
  {
    HttpExchange exchange(head_of("PUT", BodyKind::kLength, 10 * kMaxReplayedBody), &all);
    attempt(exchange);
    std::string sent;
    exchange.on_request_piece(std::string(kMaxKeptBody, 'x'), sent);
    EXPECT_TRUE(exchange.can_repeat());
    exchange.on_request_piece("x", sent);
    EXPECT_TRUE(exchange.can_repeat());
    exchange.on_request_piece("x", sent);
    EXPECT_FALSE(exchange.can_repeat());
  }
  EXPECT_EQ(all.bytes, kMaxKeptInAll - 1);
}

TEST(HttpExchange, NotWhenTheBodyWasTooLargeToKeep) {
  HttpExchange exchange(head_of("PUT", BodyKind::kLength, 10 * kMaxKeptBody));
  const std::string half(kMaxKeptBody / 2 + 1, 'x');
  std::string sent;
  exchange.on_request_piece(half, sent);
  EXPECT_TRUE(exchange.wants_body());
  exchange.on_request_piece(half, sent);
  EXPECT_FALSE(exchange.wants_body()) << "no machine yet, and enough is kept";
  EXPECT_TRUE(attempt(exchange).ends_with(half + half));
  EXPECT_TRUE(exchange.wants_body());
  exchange.on_request_piece(half, sent);
  EXPECT_EQ(sent, half);
  exchange.end_attempt();
  EXPECT_FALSE(exchange.may_resend());
}

// What went ahead is a part of what the attempt begins with, whatever is read meanwhile.
TEST(HttpExchange, AnOpeningIsTheBeginningOfTheNextAttempt) {
  HttpExchange exchange(head_of("PUT", BodyKind::kStreamed));
  std::string sent, opening;
  exchange.on_request_piece("hello", sent);
  exchange.write_opening(opening);
  EXPECT_EQ(opening, kOpening + "5\r\nhello\r\n");
  EXPECT_FALSE(exchange.attempting());
  exchange.on_request_piece("!", sent);
  EXPECT_EQ(attempt(exchange), opening + "1\r\n!\r\n");
}

TEST(HttpExchange, AnAttemptThatWasLostMayHaveBeenSeen) {
  HttpExchange get(head_of("GET", BodyKind::kNone)), post(head_of("POST", BodyKind::kNone));
  get.lose_attempt();
  post.lose_attempt();
  EXPECT_TRUE(get.may_resend());
  EXPECT_FALSE(post.may_resend());
  get.lose_attempt();
  EXPECT_FALSE(get.may_resend()) << "what kills those that read it must not meet them all";
}

TEST(HttpExchange, AnotherAttemptReadsAnotherResponse) {
  HttpExchange exchange(head_of("HEAD", BodyKind::kNone));
  attempt(exchange);
  EXPECT_EQ(exchange.on_machine_end(), ReadEvent::kFault);
  exchange.end_attempt();
  ASSERT_TRUE(exchange.may_resend());
  attempt(exchange);
  std::string_view bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
  EXPECT_EQ(exchange.next(bytes), ReadEvent::kHead);
  EXPECT_EQ(exchange.next(bytes), ReadEvent::kEnd) << "it knows that it asked with HEAD";
}

}  // namespace
}  // namespace sixpn::flycast
