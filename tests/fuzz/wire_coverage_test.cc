// What is committed as first inputs holds all of today's wire: each field of its schemas, each kind
// of record, each number of its enums occurs in an input that the decoders take, and still when it
// is encoded again. So whoever adds to the wire adds a seed (seeds.h): else this fails, and names
// what no input has.
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "registry/core/gossip_codec.h"
#include "registry/core/record.pb.h"
#include "registry/core/signed_record.h"
#include "registry/core/sync_codec.h"

namespace sixpn::fuzz {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::Message;

// The messages of RecordBody.value, by RecordKind.
constexpr const char* kValues[] = {"Host",    "Machine",  "Org",     "Network",
                                   "App",     "Flycast",  "Peer",    "Revocation",
                                   "Renewal", "Interest", "TlsGrant"};
static_assert(std::size(kValues) == std::variant_size_v<RecordValue> - 1);

// Fields that hold a number of an enum, from 1 to the last.
struct Numbers {
  const char* field;
  unsigned last;
};
template <class Enum>
constexpr unsigned number(Enum value) {
  return static_cast<unsigned>(value);
}
constexpr Numbers kNumbers[] = {{"RecordBody.kind", std::size(kValues)},
                                {"Probe.kind", number(registry::ProbeMessage::Kind::kNack)},
                                {"MemberUpdate.status", number(HostStatus::kLeft)},
                                {"Push.level", number(registry::RelayLevel::kSibling)},
                                {"Host.rotation", number(Rotation::kReturn)},
                                {"Machine.state", number(MachineState::kDestroyed)},
                                {"Machine.health", number(Health::kCritical)},
                                {"Machine.app_health", number(Health::kCritical)},
                                {"ServiceHealth.health", number(Health::kCritical)},
                                {"Service.protocol", number(ServiceProtocol::kUdp)},
                                {"Service.concurrency", number(ConcurrencyType::kRequests)},
                                {"Service.auto_stop", number(AutoStop::kSuspend)},
                                {"Check.kind", number(CheckKind::kScript)}};

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> inputs(const std::string& target) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/corpus/" + target))
    out.push_back(read(entry.path()));
  return out;
}

// The schemas, as protoc read them from the tree, and what of them was seen.
class Schemas {
 public:
  Schemas() {
    google::protobuf::FileDescriptorSet files;
    EXPECT_TRUE(files.ParseFromString(read(SIXPN_SCHEMAS)));
    for (const auto& file : files.file()) pool_.BuildFile(file);
  }

  const FileDescriptor* file(const std::string& path) { return pool_.FindFileByName(path); }

  void see(const std::string& type, const std::string& bytes) {
    const Descriptor* known = pool_.FindMessageTypeByName(type);
    ASSERT_NE(known, nullptr) << type;
    std::unique_ptr<Message> message(factory_.GetPrototype(known)->New());
    if (message->ParseFromString(bytes)) walk(*message);
  }

  // As this version writes again what it took.
  void see_record(const std::string& wire) {
    static const SigningKey key(*Secret::from_bytes(std::string(32, 'k')));
    auto decoded = decode_record(wire);
    if (!decoded) return;
    auto again = sign_record((*decoded)->record, key);
    ASSERT_TRUE(again.has_value());
    see("sixpn.wire.SignedRecord", (*again)->wire());
  }

  // Fields of no input, one to a line.
  [[nodiscard]] std::string unseen(const FileDescriptor* file) const {
    std::string out;
    for (int i = 0; i < file->message_type_count(); ++i) add_unseen(file->message_type(i), out);
    return out;
  }

  [[nodiscard]] bool saw(const std::string& field, unsigned number) const {
    return numbers_.contains({"sixpn.wire." + field, number});
  }

 private:
  void walk(const Message& message) {
    std::vector<const FieldDescriptor*> set;
    const auto* reflection = message.GetReflection();
    reflection->ListFields(message, &set);
    for (const FieldDescriptor* field : set) {
      seen_.insert(field->full_name());
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_UINT32 && !field->is_repeated())
        numbers_.insert({field->full_name(), reflection->GetUInt32(message, field)});
      const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
      for (int i = 0; i < count; ++i) walk_into(message, *field, i);
    }
    if (message.GetDescriptor()->full_name() == "sixpn.wire.RecordBody") walk_value(message);
  }

  // Messages, and records in their bytes.
  void walk_into(const Message& message, const FieldDescriptor& field, int i) {
    const auto* reflection = message.GetReflection();
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
      return walk(field.is_repeated() ? reflection->GetRepeatedMessage(message, &field, i)
                                      : reflection->GetMessage(message, &field));
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) return;
    const std::string bytes = field.is_repeated()
                                  ? reflection->GetRepeatedString(message, &field, i)
                                  : reflection->GetString(message, &field);
    if (field.name() == "records") see_record(bytes);
    if (field.full_name() == "sixpn.wire.SignedRecord.body") see("sixpn.wire.RecordBody", bytes);
  }

  void walk_value(const Message& body) {
    const auto* fields = body.GetDescriptor();
    const auto* reflection = body.GetReflection();
    const auto kind = reflection->GetUInt32(body, fields->FindFieldByName("kind"));
    if (kind == 0 || kind > std::size(kValues)) return;
    see(std::string("sixpn.wire.") + kValues[kind - 1],
        reflection->GetString(body, fields->FindFieldByName("value")));
  }

  void add_unseen(const Descriptor* message, std::string& out) const {
    for (int i = 0; i < message->field_count(); ++i)
      if (!seen_.contains(message->field(i)->full_name()))
        out += message->field(i)->full_name() + "\n";
    for (int i = 0; i < message->nested_type_count(); ++i) add_unseen(message->nested_type(i), out);
  }

  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
  std::set<std::string> seen_;
  std::set<std::pair<std::string, unsigned>> numbers_;
};

// As the target record() takes an input: whole, or as a body.
void see_records(Schemas& schemas) {
  for (const std::string& bytes : inputs("record")) {
    schemas.see_record(bytes);
    wire::SignedRecord envelope;
    envelope.set_body(bytes);
    envelope.set_signature(std::string(64, 's'));
    schemas.see_record(envelope.SerializeAsString());
  }
}

void see_sync(Schemas& schemas) {
  for (std::string bytes : inputs("sync_frame"))
    for (;;) {
      auto frame = registry::take_frame(bytes);
      if (!frame || !frame->has_value()) break;
      schemas.see("sixpn.wire.SyncFrame",
                  registry::encode_frame(**frame).substr(registry::kFrameLengthBytes));
    }
}

void see_datagrams(Schemas& schemas) {
  for (const std::string& bytes : inputs("datagram"))
    if (auto datagram = registry::decode_datagram(bytes))
      schemas.see("sixpn.wire.Datagram", registry::encode_datagram(*datagram));
}

TEST(WireCoverage, InputsHoldEveryFieldAndNumberOfTheRegistrysWire) {
  Schemas schemas;
  const FileDescriptor* records = schemas.file("registry/core/record.proto");
  const FileDescriptor* gossip = schemas.file("registry/core/gossip.proto");
  ASSERT_TRUE(records != nullptr && gossip != nullptr);
  see_records(schemas);
  EXPECT_EQ(schemas.unseen(records), "");
  see_datagrams(schemas);
  see_sync(schemas);
  EXPECT_EQ(schemas.unseen(gossip), "");
  for (const Numbers& each : kNumbers)
    for (unsigned i = 1; i <= each.last; ++i)
      EXPECT_TRUE(schemas.saw(each.field, i)) << each.field << " " << i;
}

// The targets' first bytes say what the rest is (trust_targets.cc, tls_targets.cc).
TEST(WireCoverage, InputsHoldEveryFieldOfTheChainOfTrust) {
  Schemas schemas;
  const FileDescriptor* file = schemas.file("registry/core/trust.proto");
  ASSERT_NE(file, nullptr);
  const std::map<char, std::string> messages = {
      {0, "Signed"},   {1, "Invite"}, {2, "Certificate"}, {3, "Revocation"},
      {4, "SeedList"}, {6, "Token"},  {7, "Renewal"}};
  for (const std::string& bytes : inputs("trust"))
    if (auto found = messages.find(bytes.front()); found != messages.end())
      schemas.see("sixpn.trust." + found->second, bytes.substr(1));
  for (const std::string& bytes : inputs("tls_grant"))
    if (bytes.front() == 1) schemas.see("sixpn.trust.TlsGrant", bytes.substr(1));
  EXPECT_EQ(schemas.unseen(file), "");
}

TEST(WireCoverage, InputsHoldEveryFieldOfTheKnock) {
  Schemas schemas;
  const FileDescriptor* file = schemas.file("mesh/core/knock.proto");
  ASSERT_NE(file, nullptr);
  // Contents, behind a byte that says of what; a whole frame begins otherwise (knock.h).
  for (const std::string& bytes : inputs("knock"))
    if (bytes.substr(1, 2) == "\x0a\x10")
      schemas.see(bytes.front() == 1 ? "sixpn.knock_wire.Knock" : "sixpn.knock_wire.Reply",
                  bytes.substr(1));
  EXPECT_EQ(schemas.unseen(file), "");
}

}  // namespace
}  // namespace sixpn::fuzz
