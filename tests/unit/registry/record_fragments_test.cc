#include "registry/core/record_fragments.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "registry/core/gossip_codec.h"
#include "registry/core/relay_repair.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;

const sim::TestCluster kCluster;
constexpr Instant kNow{100s};
constexpr HostId kOne{0x10001};
constexpr HostId kTwo{0x10002};

SignedRecordPtr large_record(std::size_t bytes, unsigned number = 1) {
  const auto host = kCluster.enrol(number);
  auto machine = test::make_machine(host, number, NetworkId{7});
  for (std::size_t left = bytes; left > 0; left -= std::min<std::size_t>(left, 1000))
    machine.metadata.try_emplace(std::to_string(left),
                                 std::string(std::min<std::size_t>(left, 1000), 'x'));
  return host.sign(test::make_owned_record(host, machine, 1, number));
}

std::vector<RecordFragment> cut(const SignedRecord& record) {
  std::vector<RecordFragment> out;
  for (std::size_t i = 0; i < fragments_of(record.wire_size); ++i)
    out.push_back(fragment_of(record, i));
  return out;
}

// Only counted, never put together.
RecordFragment first_of(std::uint64_t head) {
  return {head, 4000, 0, std::string(kFragmentBytes, 'x')};
}

TEST(RecordFragments, InAnyOrderTheyAreTheRecord) {
  Rng rng(1);
  for (std::size_t bytes : {1200U, 1900U, 2000U, 4000U, 15'000U}) {
    auto record = large_record(bytes);
    auto fragments = cut(*record);
    rng.shuffle(fragments);
    FragmentBuffer buffer;
    for (std::size_t i = 0; i < fragments.size(); ++i) {
      EXPECT_TRUE(is_well_formed(fragments[i]));
      auto wire = buffer.add(kNow, kOne, fragments[i]);
      ASSERT_EQ(wire.has_value(), i + 1 == fragments.size()) << bytes;
      if (wire) {
        EXPECT_EQ(*wire, record->wire());
      } else {
        EXPECT_FALSE(buffer.add(kNow, kOne, fragments[i])) << "the same again";
      }
    }
    EXPECT_EQ(buffer.size(), 0U);
  }
}

TEST(RecordFragments, NobodySpoilsWhatAnotherSends) {
  auto record = large_record(2500);
  auto fragments = cut(*record);
  FragmentBuffer buffer;
  EXPECT_FALSE(buffer.add(kNow, kOne, fragments[0]));
  auto spoilt = fragments[1];
  spoilt.bytes[0] = '#';
  EXPECT_FALSE(buffer.add(kNow, kTwo, spoilt));
  auto longer = fragments[1];
  longer.size += 1000;
  EXPECT_FALSE(buffer.add(kNow, kOne, longer)) << "of a record of another size";
  EXPECT_FALSE(buffer.add(kNow, kOne, fragments[1]));
  EXPECT_EQ(buffer.add(kNow, kOne, fragments[2]), record->wire());
  EXPECT_EQ(buffer.size(), 1U);
  buffer.forget(kTwo, record_head(record->digest));
  EXPECT_EQ(buffer.size(), 0U);
}

TEST(RecordFragments, WhatIsOfNoRecordIsNotWellFormed) {
  const auto good = first_of(1);
  EXPECT_TRUE(is_well_formed(good));
  auto with = [&](auto change) {
    auto out = good;
    change(out);
    return is_well_formed(out);
  };
  EXPECT_FALSE(with([](auto& f) { f.size = kMaxRecordBytes + 1; }));
  EXPECT_FALSE(with([](auto& f) { f.size = ~0U; }));
  EXPECT_FALSE(with([](auto& f) { f.size = 0; }));
  EXPECT_FALSE(with([](auto& f) { f.size = kMaxGossipedRecordBytes; }));
  EXPECT_FALSE(with([](auto& f) { f.index = 4; }));
  EXPECT_FALSE(with([](auto& f) { f.index = ~0U; }));
  EXPECT_FALSE(with([](auto& f) { f.bytes.pop_back(); }));
  EXPECT_FALSE(with([](auto& f) { f.bytes += 'x'; }));
  EXPECT_FALSE(with([](auto& f) { f.size = 3999, f.index = 3; }));
}

TEST(RecordFragments, OneSenderHasItsShareAndAllHaveTheirs) {
  FragmentBuffer buffer;
  for (std::uint64_t i = 0; i < 100; ++i) buffer.add(kNow + i * 1ms, kOne, first_of(i));
  EXPECT_EQ(buffer.size(), kMaxAssembliesOfOne);
  EXPECT_EQ(buffer.given_up(), 100 - kMaxAssembliesOfOne);
  for (unsigned host = 2; host < 100; ++host)
    buffer.add(kNow + 200ms, HostId{0x10000 + host}, first_of(1));
  EXPECT_EQ(buffer.size(), kMaxAssemblies);
  // What is never finished goes with time.
  buffer.add(kNow + 200ms + kAssemblyAge + 1us, kOne, first_of(1));
  EXPECT_EQ(buffer.size(), 1U);
  EXPECT_EQ(buffer.given_up(), 100 + 98U);
}

TEST(RecordFragments, EachFitsADatagramOfAPush) {
  GossipDatagram datagram;
  datagram.incarnation = ~std::uint64_t{0};
  datagram.root_hash = 2;
  datagram.stable = 1s;
  datagram.push = PushHeader{RelayLevel::kSibling, 1, ~0U, {}};
  const std::size_t without = encode_datagram(datagram).size();
  datagram.fragment = fragment_of(*large_record(15'000), 0);
  const std::size_t with = encode_datagram(datagram).size();
  EXPECT_LE(with - without, fragment_bytes(kFragmentBytes));
  EXPECT_LE(with, kMaxDatagramBytes);
  auto back = decode_datagram(encode_datagram(datagram));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, datagram);
  datagram.fragment->index = 40;
  EXPECT_FALSE(decode_datagram(encode_datagram(datagram)));
}

}  // namespace
}  // namespace sixpn::registry
