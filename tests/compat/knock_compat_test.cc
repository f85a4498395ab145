// Knocks: what sixpn 0.1 sends outside the tunnel is read today, what is sent today is read by
// sixpn 0.1, and what a version to come adds to either is passed over.
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "mesh/core/knock.h"
#include "registry/core/keys.h"
#include "tests/compat/knock.pb.h"

namespace sixpn::compat {
namespace {

constexpr WallTime kSent = from_unix_ms(1'790'000'000'123);
const std::string kCluster(16, 'c');
const std::string kObserved("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\xca\x6c", 18);

// The frame of sixpn 0.1: version, kind, MAC, length, content, and zeros to 1200 bytes in a knock.
enum class Kind : char { kKnock = 1, kReply = 2 };

class KnockCompat : public testing::Test {
 protected:
  [[nodiscard]] std::string mac_of(Kind kind, const std::string& rest) const {
    std::string message = kind == Kind::kKnock ? "sixpn knock v1" : "sixpn knock reply v1";
    message += '\0';
    message += '\x01';
    message += static_cast<char>(kind);
    return std::string(as_bytes(compute_mac(key_, message + rest)));
  }
  [[nodiscard]] std::string old_frame(Kind kind, const std::string& content) const {
    std::string rest = {static_cast<char>(content.size() >> 8), static_cast<char>(content.size())};
    rest += content;
    if (kind == Kind::kKnock) rest.resize(1200 - 18, '\0');
    return std::string{'\x01', static_cast<char>(kind)} + mac_of(kind, rest) + rest;
  }
  // As sixpn 0.1 opens it; nothing: it drops it.
  [[nodiscard]] std::optional<std::string> old_content(Kind kind, const std::string& bytes) const {
    if (bytes.size() < 20 || bytes.size() > 1200) return std::nullopt;
    if (kind == Kind::kKnock && bytes.size() != 1200) return std::nullopt;
    if (bytes[0] != '\x01' || bytes[1] != static_cast<char>(kind)) return std::nullopt;
    if (bytes.substr(2, 16) != mac_of(kind, bytes.substr(18))) return std::nullopt;
    auto byte = [&](std::size_t at) -> std::size_t {
      return static_cast<unsigned char>(bytes[at]);
    };
    std::size_t length = byte(18) << 8 | byte(19);
    if (length > bytes.size() - 20) return std::nullopt;
    return bytes.substr(20, length);
  }
  template <class Message>
  Message read_by_old(Kind kind, const std::string& bytes) const {
    auto content = old_content(kind, bytes);
    Message out;
    EXPECT_TRUE(content && out.ParseFromString(*content));
    return out;
  }
  // A field that no version has today, as one to come would add it.
  static std::string with_more(std::string content) { return content + "\xc2\x3e\x05later"; }

  [[nodiscard]] static knock::Knock old_knock() {
    knock::Knock knock;
    knock.set_cluster(kCluster);
    knock.set_nonce(0xfedcba9876543210);
    knock.set_sent_ms(unix_ms(kSent));
    knock.set_record("a signed record");
    return knock;
  }
  [[nodiscard]] static knock::Reply old_reply(bool accepted) {
    knock::Reply reply;
    reply.set_cluster(kCluster);
    reply.set_nonce(7);
    reply.set_accepted(accepted);
    reply.set_observed(kObserved);
    if (accepted) {
      reply.set_record("the other's record");
    } else {
      reply.set_reason("the invite expired");
    }
    return reply;
  }
  static void expect_known(const mesh::KnockDatagram& read) {
    const auto* knock = std::get_if<mesh::Knock>(&read);
    ASSERT_NE(knock, nullptr);
    EXPECT_EQ(*knock, (mesh::Knock{kCluster, 0xfedcba9876543210, kSent, "a signed record"}));
  }
  static void expect_known(const mesh::KnockDatagram& read, bool accepted) {
    const auto* reply = std::get_if<mesh::KnockReply>(&read);
    ASSERT_NE(reply, nullptr);
    EXPECT_EQ(*reply, (mesh::KnockReply{kCluster, 7, accepted, accepted ? "" : "the invite expired",
                                        accepted ? "the other's record" : "",
                                        *parse_endpoint("[2001:db8::7]:51820")}));
  }

  Secret key_ = Secret::random();
};

TEST_F(KnockCompat, AKnockOfOldIsReadToday) {
  const std::string content = old_knock().SerializeAsString();
  expect_known(mesh::decode_knock_datagram(old_frame(Kind::kKnock, content), key_));
  expect_known(mesh::decode_knock_datagram(old_frame(Kind::kKnock, with_more(content)), key_));
}

TEST_F(KnockCompat, RepliesOfOldAreReadToday) {
  for (bool accepted : {true, false}) {
    const std::string content = old_reply(accepted).SerializeAsString();
    expect_known(mesh::decode_knock_datagram(old_frame(Kind::kReply, content), key_), accepted);
    expect_known(mesh::decode_knock_datagram(old_frame(Kind::kReply, with_more(content)), key_),
                 accepted);
  }
}

TEST_F(KnockCompat, AKnockOfTodayIsReadByOld) {
  auto sent = mesh::encode_knock({kCluster, 0xfedcba9876543210, kSent, "a signed record"}, key_);
  ASSERT_TRUE(sent);
  EXPECT_EQ(read_by_old<knock::Knock>(Kind::kKnock, *sent).SerializeAsString(),
            old_knock().SerializeAsString());
}

TEST_F(KnockCompat, RepliesOfTodayAreReadByOld) {
  for (bool accepted : {true, false}) {
    mesh::KnockReply reply{kCluster, 7, accepted, "", "", *parse_endpoint("[2001:db8::7]:51820")};
    (accepted ? reply.record : reply.reason) =
        accepted ? "the other's record" : "the invite expired";
    EXPECT_EQ(read_by_old<knock::Reply>(Kind::kReply, mesh::encode_reply(reply, key_))
                  .SerializeAsString(),
              old_reply(accepted).SerializeAsString());
  }
}

}  // namespace
}  // namespace sixpn::compat
