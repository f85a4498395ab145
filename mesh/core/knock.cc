#include "mesh/core/knock.h"

#include "base/encoding.h"
#include "mesh/core/knock.pb.h"
#include "registry/core/address.h"
#include "registry/core/wire_values.h"

namespace sixpn::mesh {
namespace {

constexpr char kVersion = 1;
constexpr char kKnockKind = 1;
constexpr char kReplyKind = 2;
constexpr std::string_view kKnockTag = "sixpn knock v1";
constexpr std::string_view kReplyTag = "sixpn knock reply v1";

constexpr std::size_t kMacOffset = 2;
constexpr std::size_t kLengthOffset = kMacOffset + Mac{}.size();
constexpr std::size_t kHeaderBytes = kLengthOffset + 2;
constexpr std::size_t kClusterIdBytes = 16;

// Header, length and content, without the MAC.
std::string authenticated_bytes(std::string_view frame) {
  std::string bytes(frame[1] == kKnockKind ? kKnockTag : kReplyTag);
  bytes += '\0';
  bytes += frame.substr(0, kMacOffset);
  bytes += frame.substr(kLengthOffset);
  return bytes;
}

std::string seal_frame(char kind, const std::string& content, std::size_t size,
                       const Secret& cluster_key) {
  std::string frame = {kVersion, kind};
  frame.resize(kLengthOffset, '\0');
  frame += static_cast<char>(content.size() >> 8);
  frame += static_cast<char>(content.size());
  frame += content;
  if (frame.size() < size) frame.resize(size, '\0');
  Mac mac = compute_mac(cluster_key, authenticated_bytes(frame));
  frame.replace(kMacOffset, mac.size(), as_bytes(mac));
  return frame;
}

// The content of a frame whose MAC is right.
std::variant<KnockGarbage, std::string_view> open_frame(std::string_view frame,
                                                        const Secret& cluster_key) {
  if (frame.size() < kHeaderBytes || frame.size() > kKnockBytes) return KnockGarbage::kSize;
  if (frame[0] != kVersion) return KnockGarbage::kVersion;
  if (frame[1] != kKnockKind && frame[1] != kReplyKind) return KnockGarbage::kVersion;
  if (frame[1] == kKnockKind && frame.size() != kKnockBytes) return KnockGarbage::kSize;
  auto mac = to_array<Mac{}.size()>(frame.substr(kMacOffset, Mac{}.size()));
  if (!check_mac(cluster_key, authenticated_bytes(frame), *mac)) return KnockGarbage::kMac;
  std::size_t length = static_cast<std::size_t>(static_cast<unsigned char>(frame[kLengthOffset]))
                           << 8 |
                       static_cast<unsigned char>(frame[kLengthOffset + 1]);
  if (length > frame.size() - kHeaderBytes) return KnockGarbage::kMalformed;
  return frame.substr(kHeaderBytes, length);
}

std::string printable(std::string_view text) {
  std::string out(text.substr(0, kMaxReasonBytes));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

KnockDatagram decode_knock(std::string_view content) {
  knock_wire::Knock wire;
  if (!wire.ParseFromArray(content.data(), static_cast<int>(content.size())))
    return KnockGarbage::kMalformed;
  auto sent = decode_unix_ms(wire.sent_ms());
  if (wire.cluster().size() != kClusterIdBytes || !sent) return KnockGarbage::kMalformed;
  return Knock{wire.cluster(), wire.nonce(), *sent, wire.record()};
}

KnockDatagram decode_reply(std::string_view content) {
  knock_wire::Reply wire;
  if (!wire.ParseFromArray(content.data(), static_cast<int>(content.size())))
    return KnockGarbage::kMalformed;
  auto observed = decode_endpoint(wire.observed());
  if (wire.cluster().size() != kClusterIdBytes || !observed) return KnockGarbage::kMalformed;
  return KnockReply{wire.cluster(),           wire.nonce(),  wire.accepted(),
                    printable(wire.reason()), wire.record(), *observed};
}

// What the certificate fixes, the record may not say otherwise.
Result<void> check_claims(const Record& record, const HostRecord& host, const Invite& invite) {
  if (record.writer != invite.host || host.id != invite.host)
    return Error("the host record of " + to_string(host.id) + " carries the certificate of host " +
                 to_string(invite.host));
  if (host.name != invite.name || host.region != invite.region)
    return Error("the record of host " + to_string(host.id) +
                 " has another name or region than its certificate");
  return {};
}

}  // namespace

HostRecord fitted(HostRecord record, const SigningKey& key) {
  Record signed_by_its_host;
  signed_by_its_host.key = host_key(record.id);
  signed_by_its_host.writer = record.id;
  signed_by_its_host.stamp = {1, 1};  // as long as any
  signed_by_its_host.value = record;
  auto made = sign_record(signed_by_its_host, key);
  if (made && (*made)->wire_size > kMaxKnockRecordBytes) record.key_proofs = "";
  return record;
}

Result<std::string> encode_knock(const Knock& knock, const Secret& cluster_key) {
  if (knock.record.size() > kMaxKnockRecordBytes)
    return Error("this host's record has " + std::to_string(knock.record.size()) +
                 " bytes, at most " + std::to_string(kMaxKnockRecordBytes) +
                 " fit into a knock: advertise fewer endpoints");
  knock_wire::Knock wire;
  wire.set_cluster(knock.cluster);
  wire.set_nonce(knock.nonce);
  wire.set_sent_ms(unix_ms(knock.sent));
  wire.set_record(knock.record);
  return seal_frame(kKnockKind, wire.SerializeAsString(), kKnockBytes, cluster_key);
}

std::string encode_reply(const KnockReply& reply, const Secret& cluster_key) {
  knock_wire::Reply wire;
  wire.set_cluster(reply.cluster);
  wire.set_nonce(reply.nonce);
  wire.set_accepted(reply.accepted);
  wire.set_observed(encode_endpoint(reply.observed));
  if (!reply.accepted) wire.set_reason(printable(reply.reason));
  if (reply.accepted && reply.record.size() <= kMaxKnockRecordBytes) wire.set_record(reply.record);
  return seal_frame(kReplyKind, wire.SerializeAsString(), 0, cluster_key);
}

KnockDatagram decode_knock_datagram(std::string_view bytes, const Secret& cluster_key) {
  auto opened = open_frame(bytes, cluster_key);
  if (auto* garbage = std::get_if<KnockGarbage>(&opened)) return *garbage;
  std::string_view content = *std::get_if<std::string_view>(&opened);
  return bytes[1] == kKnockKind ? decode_knock(content) : decode_reply(content);
}

Result<VerifiedHost> verify_host_record(const std::string& wire, const PublicKey& root_key) {
  if (wire.size() > kMaxKnockRecordBytes) return Error("the host record is too large for a knock");
  auto record = decode_record(wire);
  if (!record) return std::move(record).error();
  const auto* value = std::get_if<HostValue>(&(*record)->record.value);
  if (value == nullptr) return Error("the record is not a host record");
  const HostRecord* host = &**value;
  auto certificate = verify_certificate(host->certificate, root_key);
  if (!certificate) return std::move(certificate).error();
  if (auto fits = check_claims((*record)->record, *host, certificate->invite); !fits)
    return std::move(fits).error();
  if (!verify_record(**record, certificate->signing_key))
    return Error("the record of host " + to_string(host->id) + " is not signed by that host");
  return VerifiedHost{*record, std::move(*certificate)};
}

bool is_underlay(const IpEndpoint& endpoint) {
  bool is_multicast =
      endpoint.ip.bytes[0] == 0xff || (endpoint.ip.is_v4_mapped() && endpoint.ip.bytes[12] >= 224);
  bool is_unspecified = endpoint.ip == Ip6{} || endpoint.ip == *parse_ip("0.0.0.0");
  return endpoint.port != 0 && !is_multicast && !is_unspecified &&
         !kMeshPrefix.contains(endpoint.ip);
}

}  // namespace sixpn::mesh
