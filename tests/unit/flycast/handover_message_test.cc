#include "flycast/core/handover_message.h"

#include <gtest/gtest.h>

namespace sixpn::flycast {
namespace {

TEST(HandoverMessage, IsReadAsItWasWritten) {
  for (HandoverMessage message :
       {HandoverMessage{HandoverKind::kListeners, {}, 0},
        HandoverMessage{
            HandoverKind::kOpen, {MachineId{0x00ff'1234'5678'9abc}, 65535}, 0xfffffffe}}) {
    std::string bytes = encode_handover(message);
    EXPECT_EQ(bytes.size(), kHandoverBytes);
    auto read = decode_handover(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, message);
  }
}

TEST(HandoverMessage, WhatANewerReleaseSaysIsNotMistaken) {
  std::string bytes = encode_handover({HandoverKind::kClient, {}, 0});
  bytes[1] = 77;
  auto newer_kind = decode_handover(bytes);
  ASSERT_TRUE(newer_kind);
  EXPECT_EQ(static_cast<int>(newer_kind->kind), 77);
  bytes[0] = 2;
  auto newer_version = decode_handover(bytes);
  ASSERT_FALSE(newer_version);
  EXPECT_EQ(newer_version.error().message, "handover messages of version 2");
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, kHandoverBytes - 1})
    EXPECT_FALSE(decode_handover(encode_handover({}).substr(0, size)));
  EXPECT_FALSE(decode_handover(encode_handover({}) + "x"));
}

}  // namespace
}  // namespace sixpn::flycast
