#include "flycast/core/exchange_frame.h"

#include <gtest/gtest.h>

namespace sixpn::flycast {
namespace {

using State = ExchangeReader::State;

// What a reader makes of the bytes, cut into pieces of that size.
struct Heard {
  std::string bytes;
  State last = State::kMore;
  std::string left;
};
Heard hear(const std::string& wire, std::size_t cut) {
  ExchangeReader reader;
  Heard heard;
  for (std::size_t at = 0; at < wire.size(); at += cut) {
    std::string_view bytes = std::string_view(wire).substr(at, cut);
    while (true) {
      heard.last = reader.next(bytes);
      if (heard.last != State::kPiece) break;
      heard.bytes += reader.piece();
    }
    if (heard.last != State::kMore) {
      heard.left = std::string(bytes) + wire.substr(std::min(wire.size(), at + cut));
      return heard;
    }
  }
  return heard;
}

TEST(ExchangeFrame, WhateverTheCutTheSameComesOut) {
  const std::string large(70'000, 'x');
  const std::string wire = encode_bytes_header(5) + "hello" + encode_bytes_header(large.size()) +
                           large + encode_exchange_end() + "the next preamble";
  for (std::size_t cut : {1u, 2u, 3u, 7u, 4096u, 100'000u}) {
    Heard heard = hear(wire, cut);
    EXPECT_EQ(heard.last, State::kEnd) << cut;
    EXPECT_EQ(heard.bytes, "hello" + large) << cut;
    EXPECT_EQ(heard.left, "the next preamble") << cut;
  }
}

TEST(ExchangeFrame, OneReaderReadsOneExchangeAfterAnother) {
  ExchangeReader reader;
  const std::string wire = encode_bytes_header(1) + "a" + encode_exchange_end();
  for (int i = 0; i < 2; ++i) {
    std::string_view bytes = wire;
    EXPECT_EQ(reader.next(bytes), State::kPiece);
    EXPECT_EQ(reader.piece(), "a");
    EXPECT_EQ(reader.next(bytes), State::kEnd);
    EXPECT_TRUE(bytes.empty());
  }
}

TEST(ExchangeFrame, TheSizeIsThatOfTheField) {
  EXPECT_EQ(encode_bytes_header(0x010203), std::string({'B', 1, 2, 3}));
  EXPECT_EQ(encode_bytes_header(kMaxExchangeBytes), "B\xff\xff\xff");
}

TEST(ExchangeFrame, AnythingElseIsAFaultForGood) {
  for (const std::string& wire : {std::string("F\x01\x00\x05", 4), std::string("B\0\0\0", 4),
                                  std::string("E\0\0\1", 4), std::string("\0\0\0\0", 4)}) {
    for (std::size_t cut : {1u, 4u}) EXPECT_EQ(hear(wire, cut).last, State::kFault) << wire;
  }
  ExchangeReader reader;
  std::string_view bytes = "XXXX";
  EXPECT_EQ(reader.next(bytes), State::kFault);
  std::string fine = encode_exchange_end();
  bytes = fine;
  EXPECT_EQ(reader.next(bytes), State::kFault);
}

}  // namespace
}  // namespace sixpn::flycast
