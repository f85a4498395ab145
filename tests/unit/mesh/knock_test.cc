#include "mesh/core/knock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/rng.h"
#include "tests/unit/mesh/knock_fixture.h"

namespace sixpn::mesh {
namespace {

using test::Cluster;
using test::EnrolledHost;
using test::kWall;
using test::sign_host;
using ::testing::HasSubstr;

KnockGarbage garbage_of(const KnockDatagram& datagram) {
  auto* garbage = std::get_if<KnockGarbage>(&datagram);
  EXPECT_NE(garbage, nullptr) << "was accepted";
  return garbage == nullptr ? KnockGarbage::kMalformed : *garbage;
}

KnockReply refusal() {
  return {.cluster = std::string(16, 'c'),
          .nonce = 7,
          .accepted = false,
          .reason = "the invite expired",
          .record = "",
          .observed = *parse_endpoint("192.0.2.1:1234")};
}

TEST(Knock, RoundTrip) {
  Cluster cluster;
  Knock knock = cluster.knock_of(cluster.host("b", 0x20003), ~0ULL);
  auto bytes = encode_knock(knock, cluster.cluster_key);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(bytes->size(), kKnockBytes);
  auto read = decode_knock_datagram(*bytes, cluster.cluster_key);
  ASSERT_TRUE(std::holds_alternative<Knock>(read));
  EXPECT_EQ(std::get<Knock>(read), knock);
}

TEST(Knock, RepliesRoundTripAndAreNeverLargerThanAKnock) {
  Cluster cluster;
  KnockReply accepted = refusal();
  accepted.accepted = true;
  accepted.reason.clear();
  for (std::size_t size : {std::size_t{1}, std::size_t{600}, kMaxKnockRecordBytes}) {
    accepted.record = std::string(size, 'r');
    auto bytes = encode_reply(accepted, cluster.cluster_key);
    EXPECT_LE(bytes.size(), kKnockBytes);
    auto read = decode_knock_datagram(bytes, cluster.cluster_key);
    ASSERT_TRUE(std::holds_alternative<KnockReply>(read)) << size;
    EXPECT_EQ(std::get<KnockReply>(read), accepted);
  }
  auto read =
      decode_knock_datagram(encode_reply(refusal(), cluster.cluster_key), cluster.cluster_key);
  EXPECT_EQ(std::get<KnockReply>(read), refusal());
}

TEST(Knock, WhatDoesNotFitIsLeftOutOrRefused) {
  Cluster cluster;
  KnockReply accepted = refusal();
  accepted.accepted = true;
  accepted.record = std::string(kMaxKnockRecordBytes + 1, 'r');
  auto read =
      decode_knock_datagram(encode_reply(accepted, cluster.cluster_key), cluster.cluster_key);
  EXPECT_TRUE(std::get<KnockReply>(read).accepted);
  EXPECT_EQ(std::get<KnockReply>(read).record, "");

  KnockReply wordy = refusal();
  wordy.reason = std::string(5000, 'w');
  read = decode_knock_datagram(encode_reply(wordy, cluster.cluster_key), cluster.cluster_key);
  EXPECT_EQ(std::get<KnockReply>(read).reason, std::string(kMaxReasonBytes, 'w'));

  Knock large{std::string(16, 'c'), 1, kWall, std::string(kMaxKnockRecordBytes + 1, 'r')};
  auto bytes = encode_knock(large, cluster.cluster_key);
  ASSERT_FALSE(bytes);
  EXPECT_THAT(bytes.error().message, HasSubstr("advertise fewer endpoints"));
}

TEST(Knock, ARotatingHostWithManyEndpointsFits) {
  Cluster cluster;
  EnrolledHost host = cluster.host(std::string(63, 'n'), 0x10001);
  for (int port = 1; port < 8; ++port)
    host.record.endpoints.push_back({*parse_ip("2001:db8::1"), static_cast<std::uint16_t>(port)});
  host.record.spare_key.fill(7);
  host.record.spare_port = 51822;
  host.record.rotation = Rotation::kLeave;
  EXPECT_LT(sign_host(host.record, host.identity.signing_key)->wire_size, kMaxKnockRecordBytes);
}

TEST(Knock, ARecordThatIsTooLongWithProofsGoesWithoutThem) {
  Cluster cluster;
  EnrolledHost host = cluster.host(std::string(63, 'n'), 0x10001);
  const SigningKey& key = host.identity.signing_key;
  host.record.tls_key = std::string(33, 't');
  host.record.key_proofs = std::string(192, 'p');
  std::size_t with = 0;
  std::size_t without = 0;
  for (int endpoints = 1; endpoints < 16; ++endpoints) {
    host.record.endpoints.push_back(*parse_endpoint("[2001:db8::1]:51820"));
    HostRecord bare = host.record;
    bare.key_proofs = "";
    if (sign_host(bare, key)->wire_size > kMaxKnockRecordBytes) break;
    const HostRecord fit = fitted(host.record, key);
    EXPECT_LE(sign_host(fit, key)->wire_size, kMaxKnockRecordBytes);
    const bool whole = sign_host(host.record, key)->wire_size <= kMaxKnockRecordBytes;
    EXPECT_EQ(fit, whole ? host.record : bare) << endpoints;
    ++(whole ? with : without);
  }
  EXPECT_GE(with, 5U);
  EXPECT_GE(without, 1U);
}

TEST(Knock, ReasonsReachPeopleWithoutControlCharacters) {
  Cluster cluster;
  KnockReply hostile = refusal();
  hostile.reason = "a\nb\x1b[31m\xff";
  auto read =
      decode_knock_datagram(encode_reply(hostile, cluster.cluster_key), cluster.cluster_key);
  EXPECT_EQ(std::get<KnockReply>(read).reason, "a?b?[31m?");
}

TEST(Knock, EveryTruncationIsDropped) {
  Cluster cluster;
  const auto knock =
      encode_knock(cluster.knock_of(cluster.host("b", 0x20003), 1), cluster.cluster_key).value();
  for (std::size_t size = 0; size < knock.size(); ++size)
    EXPECT_EQ(garbage_of(decode_knock_datagram(knock.substr(0, size), cluster.cluster_key)),
              KnockGarbage::kSize);
  EXPECT_EQ(garbage_of(decode_knock_datagram(knock + "x", cluster.cluster_key)),
            KnockGarbage::kSize);
  const auto reply = encode_reply(refusal(), cluster.cluster_key);
  for (std::size_t size = 0; size < reply.size(); ++size)
    garbage_of(decode_knock_datagram(reply.substr(0, size), cluster.cluster_key));
}

TEST(Knock, EveryFlippedByteFailsTheMac) {
  Cluster cluster;
  const auto knock =
      encode_knock(cluster.knock_of(cluster.host("b", 0x20003), 1), cluster.cluster_key).value();
  for (std::size_t i = 0; i < knock.size(); ++i) {
    std::string bad = knock;
    bad[i] = static_cast<char>(bad[i] ^ 0x20);
    EXPECT_EQ(garbage_of(decode_knock_datagram(bad, cluster.cluster_key)),
              i < 2 ? KnockGarbage::kVersion : KnockGarbage::kMac)
        << "byte " << i;
  }
}

TEST(Knock, AnotherClusterKeyFailsTheMac) {
  Cluster cluster;
  const auto knock =
      encode_knock(cluster.knock_of(cluster.host("b", 0x20003), 1), cluster.cluster_key).value();
  EXPECT_EQ(garbage_of(decode_knock_datagram(knock, Secret::random())), KnockGarbage::kMac);
}

TEST(Knock, AKnockNeverPassesForAReply) {
  Cluster cluster;
  auto bytes =
      encode_knock(cluster.knock_of(cluster.host("b", 0x20003), 1), cluster.cluster_key).value();
  bytes[1] = 2;
  EXPECT_EQ(garbage_of(decode_knock_datagram(bytes, cluster.cluster_key)), KnockGarbage::kMac);
}

// Puts a right MAC on any content: what only who holds the cluster key can send.
std::string frame_of(char kind, const std::string& content, std::uint16_t length,
                     const Secret& cluster_key) {
  std::string frame = {1, kind};
  std::string rest = {static_cast<char>(length >> 8), static_cast<char>(length)};
  rest += content;
  rest.resize(kKnockBytes - 18, '\0');
  std::string tagged = kind == 1 ? "sixpn knock v1" : "sixpn knock reply v1";
  Mac mac = compute_mac(cluster_key, tagged + '\0' + frame + rest);
  return frame + std::string(mac.begin(), mac.end()) + rest;
}

TEST(Knock, GarbageUnderARightMacIsDropped) {
  Cluster cluster;
  Rng rng(2);
  EXPECT_EQ(garbage_of(decode_knock_datagram(frame_of(1, "x", 65535, cluster.cluster_key),
                                             cluster.cluster_key)),
            KnockGarbage::kMalformed);
  EXPECT_EQ(garbage_of(decode_knock_datagram(frame_of(1, "", 0, cluster.cluster_key),
                                             cluster.cluster_key)),
            KnockGarbage::kMalformed);
  for (int i = 0; i < 2000; ++i) {
    std::string content;
    for (std::uint64_t n = rng.below(300); n > 0; --n) content += static_cast<char>(rng());
    auto kind = static_cast<char>(1 + rng.below(2));
    auto length = static_cast<std::uint16_t>(rng.below(content.size() + 1));
    auto read = decode_knock_datagram(frame_of(kind, content, length, cluster.cluster_key),
                                      cluster.cluster_key);
    EXPECT_EQ(garbage_of(read), KnockGarbage::kMalformed);
  }
}

TEST(Knock, RandomDatagramsAreDropped) {
  Rng rng(3);
  Secret key = Secret::random();
  for (int i = 0; i < 2000; ++i) {
    std::string bytes;
    for (std::uint64_t n = rng.below(1400); n > 0; --n) bytes += static_cast<char>(rng());
    garbage_of(decode_knock_datagram(bytes, key));
    bytes.resize(kKnockBytes);
    bytes[0] = 1;
    bytes[1] = 1;
    EXPECT_EQ(garbage_of(decode_knock_datagram(bytes, key)), KnockGarbage::kMac);
  }
}

TEST(Knock, TimesThatCannotBeMeantAreDropped) {
  Cluster cluster;
  for (WallTime sent : {WallTime{}, from_unix_ms(-1), WallTime::max(), WallTime::min()}) {
    Knock knock{std::string(16, 'c'), 1, sent, "r"};
    auto bytes = encode_knock(knock, cluster.cluster_key).value();
    EXPECT_EQ(garbage_of(decode_knock_datagram(bytes, cluster.cluster_key)),
              KnockGarbage::kMalformed);
  }
}

// ---- the host record inside
// ------------------------------------------------------------------------

TEST(VerifyHostRecord, AcceptsWhatTheRootVouchesFor) {
  Cluster cluster;
  EnrolledHost b = cluster.host("b", 0x20003);
  auto verified = verify_host_record(b.signed_record->wire(), cluster.root.public_key());
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->host(), b.record);
  EXPECT_EQ(verified->certificate, b.identity.certificate);
}

struct BadRecord {
  const char* what;
  std::function<std::string(const Cluster&, EnrolledHost)> make;
  const char* message;
};

TEST(VerifyHostRecord, RefusesWhatTheCertificateDoesNotSay) {
  const std::vector<BadRecord> table = {
      {"another name",
       [](const Cluster&, EnrolledHost b) {
         b.record.name = "c";
         return sign_host(b.record, b.identity.signing_key)->wire();
       },
       "another name or region"},
      {"another region",
       [](const Cluster&, EnrolledHost b) {
         b.record.region = "nrt";
         return sign_host(b.record, b.identity.signing_key)->wire();
       },
       "another name or region"},
      {"another host's certificate",
       [](const Cluster& cluster, EnrolledHost b) {
         b.record.certificate = cluster.host("c", 0x30004).record.certificate;
         return sign_host(b.record, b.identity.signing_key)->wire();
       },
       "carries the certificate of host 00030004"},
      {"another key",
       [](const Cluster&, EnrolledHost b) {
         return sign_host(b.record, SigningKey::generate())->wire();
       },
       "is not signed by that host"},
      {"another root",
       [](const Cluster&, const EnrolledHost&) {
         return Cluster().host("b", 0x20003).signed_record->wire();
       },
       "not signed by the root key"},
      {"another kind of record",
       [](const Cluster&, EnrolledHost b) {
         Record org{.key = org_key("acme"),
                    .writer = b.record.id,
                    .stamp = {1, b.record.id.value},
                    .tombstone = false,
                    .deleted = {},
                    .org = "acme",
                    .value = OrgRecord{"acme"}};
         return sign_record(org, b.identity.signing_key).value()->wire();
       },
       "not a host record"},
      {"a tombstone",
       [](const Cluster&, EnrolledHost b) {
         Record gone{.key = machine_key(MachineId(0x148e21dad76789)),
                     .writer = b.record.id,
                     .stamp = {1, 2},
                     .tombstone = true,
                     .deleted = kWall,
                     .org = "",
                     .value = {}};
         return sign_record(gone, b.identity.signing_key).value()->wire();
       },
       "not a host record"},
      {"nothing", [](const Cluster&, const EnrolledHost&) { return std::string(); }, ""},
      {"giant", [](const Cluster&, const EnrolledHost&) { return std::string(100'000, 'x'); },
       "too large for a knock"},
  };
  Cluster cluster;
  for (const auto& row : table) {
    auto verified = verify_host_record(row.make(cluster, cluster.host("b", 0x20003)),
                                       cluster.root.public_key());
    ASSERT_FALSE(verified) << row.what;
    EXPECT_THAT(verified.error().message, HasSubstr(row.message)) << row.what;
  }
}

TEST(VerifyHostRecord, EveryFlippedByteAndTruncationIsRefused) {
  Cluster cluster;
  const std::string wire = cluster.host("b", 0x20003).signed_record->wire();
  for (std::size_t i = 0; i < wire.size(); ++i) {
    std::string bad = wire;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_FALSE(verify_host_record(bad, cluster.root.public_key())) << "byte " << i;
    EXPECT_FALSE(verify_host_record(wire.substr(0, i), cluster.root.public_key())) << i;
  }
}

TEST(Knock, OnlyUnicastEndpointsOutsideTheMeshAreKnockedAt) {
  struct Row {
    const char* endpoint;
    bool expected;
  };
  for (const Row& row :
       {Row{"192.0.2.1:51821", true}, Row{"[2001:db8::1]:1", true}, Row{"[::1]:51821", true},
        Row{"[fe80::1]:51821", true}, Row{"[fdaa::1]:51821", false}, Row{"[fdab::1]:51821", true},
        Row{"[::]:51821", false}, Row{"0.0.0.0:51821", false}, Row{"[ff02::1]:51821", false},
        Row{"224.0.0.1:51821", false}, Row{"255.255.255.255:51821", false}})
    EXPECT_EQ(is_underlay(*parse_endpoint(row.endpoint)), row.expected) << row.endpoint;
  EXPECT_FALSE(is_underlay({*parse_ip("192.0.2.1"), 0}));
}

}  // namespace
}  // namespace sixpn::mesh
