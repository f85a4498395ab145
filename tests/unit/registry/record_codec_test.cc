#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "registry/core/address.h"
#include "registry/core/record.pb.h"
#include "registry/core/record_rules.h"
#include "registry/core/signed_record.h"
#include "registry/core/value_codec.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn {
namespace {

using test::kTestNetwork;
using ::testing::HasSubstr;

const sim::TestCluster kCluster;
const sim::EnrolledHost kHost = kCluster.enrol(1);

Record host_rec() {
  return kHost.signed_host()->record;
}
Record machine_rec() {
  return test::make_owned_record(kHost, test::make_machine(kHost, 1), 1, 1);
}
Record app_rec() {
  Service service;
  service.ports = {{80, 80, {"http"}, true}};
  return test::make_shared_record(kHost, AppRecord{"web", "acme", kTestNetwork, "", {service}},
                                  "acme", 9);
}
Record flycast_rec() {
  FlycastRecord flycast{flycast_address(kTestNetwork, 2), "web", kTestNetwork, ""};
  return test::make_shared_record(kHost, flycast, "acme", 9);
}
Record revocation_rec() {
  RevocationRecord revocation{kHost.id, "statement"};
  auto out = test::make_shared_record(kHost, revocation, "", 9);
  return out;
}
Record renewal_rec() {
  RenewalRecord renewal{kHost.id, {}, from_unix_ms(2'000), from_unix_ms(1'000), "statement"};
  renewal.certificate[0] = 7;
  return test::make_shared_record(kHost, renewal, "", std::uint64_t{1'000} << 16);
}

Record interest_rec() {
  InterestRecord interest{kHost.id, false, {NetworkId{7}, NetworkId{9}}};
  return test::make_owned_record(kHost, interest, 1, 1);
}
Record machine_tombstone() {
  return test::make_tombstone(machine_rec(), 2, from_unix_ms(1'000));
}

std::string reseal(const std::function<void(wire::RecordBody&)>& change, const Record& record) {
  auto good = kHost.sign(record);
  wire::SignedRecord envelope;
  wire::RecordBody body;
  EXPECT_TRUE(envelope.ParseFromString(good->wire()) && body.ParseFromString(envelope.body()));
  change(body);
  envelope.set_body(body.SerializeAsString());
  return envelope.SerializeAsString();
}

TEST(RecordCodec, EveryRecordSurvivesTheWire) {
  Rng rng(1);
  for (int i = 0; i < 300; ++i) {
    Record record = test::random_record(kHost, rng);
    auto encoded = sign_record(record, kHost.key);
    ASSERT_TRUE(encoded) << encoded.error().message;
    auto decoded = decode_record((*encoded)->wire());
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_EQ((*decoded)->record, record);
    EXPECT_EQ((*decoded)->digest, (*encoded)->digest);
    EXPECT_TRUE(verify_record(**decoded, kHost.key.public_key()));
    EXPECT_FALSE(verify_record(**decoded, kCluster.root().public_key()));
  }
  for (const Record& record : {host_rec(), revocation_rec(), interest_rec(), machine_tombstone()})
    EXPECT_EQ((*decode_record(kHost.sign(record)->wire()))->record, record);
}

TEST(RecordCodec, FieldsAndKindsOfNewerVersionsPassUntouched) {
  std::string newer = reseal(
      [](wire::RecordBody& body) { body.mutable_value()->append("\x98\x06\x2a"); }, app_rec());
  auto decoded = decode_record(newer);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ((*decoded)->record, app_rec());
  EXPECT_EQ((*decoded)->wire(), newer);

  Record unknown;
  unknown.key = {static_cast<RecordKind>(77), "anything"};
  unknown.writer = kHost.id;
  unknown.stamp = {4, kHost.id.value};
  unknown.org = "acme";
  std::string wire = reseal([](wire::RecordBody& body) { body.set_value("\xff opaque"); }, unknown);
  auto passed = decode_record(wire);
  ASSERT_TRUE(passed) << passed.error().message;
  EXPECT_EQ((*passed)->record, unknown);
  EXPECT_EQ((*passed)->wire(), wire);
}

TEST(RecordCodec, OnlyBytesThatEncodingWouldNotGiveAreKept) {
  Record machine = machine_rec();
  std::get<MachineRecord>(machine.value).metadata = {{"a", "1"}, {"b", ""}, {"c", "3"}};
  for (const Record& record : {host_rec(), machine, app_rec(), revocation_rec(), renewal_rec()})
    EXPECT_EQ(kHost.sign(record)->bytes, nullptr) << to_string(record.key);
  // A zero that is written out, a field of a newer version, entries out of order: the same value.
  auto swapped = [](std::string value) {
    auto one = value.find("\x42\x06\x0a\x01\x61\x12\x01\x31");
    auto three = value.find("\x42\x06\x0a\x01\x63\x12\x01\x33");
    EXPECT_TRUE(one != std::string::npos && three != std::string::npos);
    std::swap_ranges(value.begin() + static_cast<long>(one),
                     value.begin() + static_cast<long>(one) + 8,
                     value.begin() + static_cast<long>(three));
    return value;
  };
  const std::function<void(wire::RecordBody&)> changes[] = {
      [](auto& body) { body.mutable_value()->append(std::string("\x50\x00", 2)); },
      [](auto& body) { body.mutable_value()->append("\x98\x06\x2a"); },
      [&](auto& body) { body.set_value(swapped(body.value())); },
  };
  for (const auto& change : changes) {
    std::string wire = reseal(change, machine);
    auto decoded = decode_record(wire);
    ASSERT_TRUE(decoded) << decoded.error().message;
    EXPECT_NE((*decoded)->bytes, nullptr);
    EXPECT_EQ((*decoded)->record, machine);
    EXPECT_EQ((*decoded)->wire(), wire);
  }
}

// The short way of machines' records against the general one.
TEST(RecordCodec, BothWaysOfReadingAMachineAgree) {
  Rng rng(5);
  int read = 0;
  for (int i = 0; i < 20'000; ++i) {
    MachineRecord plain = test::make_machine(kHost, 7);
    plain.service_health = ServiceHealths{{80, Health::kCritical}, {8080, Health::kUnknown}};
    plain.app_health = Health::kWarning;
    auto good = kHost.sign(test::make_owned_record(kHost, plain, 1, 1));
    EXPECT_TRUE(good->bytes == nullptr) << "read the short way";
    wire::SignedRecord envelope;
    ASSERT_TRUE(envelope.ParseFromString(good->wire()));
    std::string body = envelope.body();
    for (auto changes = rng.below(3); changes > 0; --changes) {
      auto at = rng.below(body.size());
      auto length = std::min<std::size_t>(rng.below(12), body.size() - at);
      switch (rng.below(4)) {
        case 0:
          body[at] = static_cast<char>(rng());
          break;
        case 1:
          body.erase(at, length);
          break;
        case 2:
          body.insert(rng.below(body.size()), body.substr(at, length));
          break;
        default:
          body.insert(at, 1, static_cast<char>(rng.below(4)));
      }
      if (body.empty()) break;
    }
    envelope.set_body(body);
    const std::string wire = envelope.SerializeAsString();
    auto decoded = decode_record(wire);
    if (!decoded) continue;
    ++read;
    EXPECT_EQ((*decoded)->wire(), wire);
    wire::RecordBody general;
    ASSERT_TRUE(general.ParseFromString(body));
    EXPECT_EQ((*decoded)->record.key.id, general.id());
    EXPECT_EQ((*decoded)->record.writer.value, general.writer());
    EXPECT_EQ((*decoded)->record.stamp, (Stamp{general.major(), general.minor()}));
    auto value = registry::decode_value((*decoded)->record.key.kind, general.value());
    ASSERT_TRUE(value) << value.error().message;
    EXPECT_EQ((*decoded)->record.value, *value);
  }
  EXPECT_GT(read, 5'000);
}

TEST(RecordCodec, AChangedByteNeverVerifies) {
  auto good = kHost.sign(app_rec());
  for (std::size_t i = 0; i < good->wire_size; ++i)
    for (int bit : {0, 3, 7}) {
      std::string bad = good->wire();
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      auto decoded = decode_record(bad);
      EXPECT_FALSE(decoded && verify_record(**decoded, kHost.key.public_key())) << i;
    }
  for (std::size_t size = 0; size < good->wire_size; ++size) {
    auto decoded = decode_record(good->wire().substr(0, size));
    EXPECT_FALSE(decoded && verify_record(**decoded, kHost.key.public_key())) << size;
  }
}

TEST(RecordCodec, ARelayCannotMakeSecondEnvelopes) {
  EXPECT_FALSE(decode_record(kHost.signed_host()->wire() + "\x78\x01"));
}

TEST(RecordCodec, GarbageIsAnErrorOnly) {
  Rng rng(2);
  for (int i = 0; i < 5000; ++i) {
    std::string bytes(rng.below(300), '\0');
    for (char& c : bytes) c = static_cast<char>(rng());
    EXPECT_FALSE(decode_record(bytes));
  }
  EXPECT_THAT(decode_record(std::string(kMaxRecordBytes + 1, 'x')).error().message,
              HasSubstr("longer than 16384 bytes"));
}

TEST(RecordCodec, ARotatingHostSaysWhereItIs) {
  Record record = host_rec();
  auto& host = *std::get<HostValue>(record.value);
  host.spare_key.fill(7);
  host.spare_port = 51822;
  for (auto rotation : {Rotation::kNone, Rotation::kLeave, Rotation::kReturn}) {
    host.rotation = rotation;
    auto read = registry::decode_value(RecordKind::kHost, registry::encode_value(record.value));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, record.value);
  }
  host.rotation = static_cast<Rotation>(3);
  EXPECT_FALSE(registry::decode_value(RecordKind::kHost, registry::encode_value(record.value)));
}

// ---- every rule, broken once
// -----------------------------------------------------------------------

struct Broken {
  const char* says;
  Record record;
};

template <class Value>
Record with(Record record, const std::function<void(Value&)>& change) {
  if constexpr (std::is_same_v<Value, HostRecord> || std::is_same_v<Value, AppRecord>) {
    change(*std::get<Boxed<Value>>(record.value));
  } else {
    change(std::get<Value>(record.value));
  }
  return record;
}

Record with_header(Record record, const std::function<void(Record&)>& change) {
  change(record);
  return record;
}

std::vector<Broken> broken_headers() {
  return {
      {"key does not match", with_header(app_rec(), [](auto& r) { r.key.id = "00acce55/other"; })},
      {"key is malformed", with_header(app_rec(), [](auto& r) { r.key.id = ""; })},
      {"writer is no host id", with_header(app_rec(), [](auto& r) { r.writer = HostId{7}; })},
      {"stamp must end with its writer",
       with_header(app_rec(), [](auto& r) { r.stamp.minor = 1; })},
      {"must name the org", with_header(app_rec(), [](auto& r) { r.org = ""; })},
      {"under no org's right", with_header(machine_rec(), [](auto& r) { r.org = "acme"; })},
      {"org is no DNS label", with_header(flycast_rec(), [](auto& r) { r.org = "Acme"; })},
      {"only a tombstone", with_header(app_rec(), [](auto& r) { r.deleted = from_unix_ms(1); })},
      {"has no value", with_header(app_rec(), [](auto& r) { r.value = {}; })},
      {"cannot be erased", test::make_tombstone(host_rec(), 1, from_unix_ms(1))},
      {"when it was written", test::make_tombstone(app_rec(), 1, WallTime{})},
      {"carries no value", with_header(app_rec(),
                                       [](auto& r) {
                                         r.tombstone = true;
                                         r.deleted = from_unix_ms(1);
                                       })},
  };
}

std::vector<Broken> broken_owned_values() {
  using M = MachineRecord;
  using H = HostRecord;
  return {
      {"lives on", with<M>(machine_rec(), [](M& m) { m.host = sim::host_id(2); })},
      {"address", with<M>(machine_rec(), [](M& m) { m.address = host_address(m.host); })},
      {"its network", with<M>(machine_rec(), [](M& m) { m.network = NetworkId{0x777777}; })},
      {"app is no DNS label", with<M>(machine_rec(), [](M& m) { m.app = "-web"; })},
      {"group is no DNS label", with<M>(machine_rec(), [](M& m) { m.group = ""; })},
      {"three letters", with<M>(machine_rec(), [](M& m) { m.region = "iad1"; })},
      {"other than vms", with<M>(machine_rec(), [](M& m) { m.region = "vms"; })},
      {"ascending ports", with<M>(machine_rec(),
                                  [](M& m) {
                                    m.service_health = ServiceHealths{{81, {}}, {80, {}}};
                                  })},
      {"ascending ports",
       with<M>(machine_rec(),
               [](M& m) {
                 m.service_health = ServiceHealths{{80, {}}, {80, Health::kCritical}};
               })},
      {"ascending ports", with<M>(machine_rec(),
                                  [](M& m) {
                                    m.service_health = ServiceHealths{{0, {}}};
                                  })},
      {"too many services", with<M>(machine_rec(),
                                    [](M& m) {
                                      ServiceHealths many;
                                      for (std::uint16_t i = 1; i <= 33; ++i)
                                        many.push_back({i, {}});
                                      m.service_health = many;
                                    })},
      {"metadata key", with<M>(machine_rec(),
                               [](M& m) {
                                 m.metadata = {{"", "v"}};
                               })},
      {"metadata value", with<M>(machine_rec(),
                                 [](M& m) {
                                   m.metadata = {{"k", "a\nb"}};
                                 })},
      {"metadata value", with<M>(machine_rec(),
                                 [](M& m) {
                                   m.metadata = {{"k", "\xc0\xaf"}};
                                 })},
      {"metadata value", with<M>(machine_rec(),
                                 [](M& m) {
                                   m.metadata = {{"k", "\xed\xa0\x80"}};
                                 })},
      {"too many metadata", with<M>(machine_rec(),
                                    [](M& m) {
                                      for (int i = 0; i < 65; ++i)
                                        m.metadata.try_emplace("k" + std::to_string(i), "v");
                                    })},
      {"name is no DNS label", with<H>(host_rec(), [](H& h) { h.name = "A"; })},
      {"three letters", with<H>(host_rec(), [](H& h) { h.region = "IAD"; })},
      {"other than vms", with<H>(host_rec(), [](H& h) { h.region = "vms"; })},
      {"no certificate", with<H>(host_rec(), [](H& h) { h.certificate = ""; })},
      {"too many endpoints", with<H>(host_rec(), [](H& h) { h.endpoints.resize(17); })},
      {"version", with<H>(host_rec(), [](H& h) { h.version = "\x01"; })},
      {"not 192 bytes", with<H>(host_rec(), [](H& h) { h.key_proofs = std::string(96, 'x'); })},
  };
}

std::vector<Broken> broken_shared_values() {
  using A = AppRecord;
  auto bad_port = [](std::uint16_t first, std::uint16_t last) {
    return with<A>(app_rec(), [=](A& a) { a.services[0].ports = {{first, last, {}, false}}; });
  };
  auto with_service = [](const std::function<void(Service&)>& change) {
    return with<A>(app_rec(), [&](A& a) { change(a.services[0]); });
  };
  auto with_http = [&](const HttpOptions& http) {
    return with_service([&](Service& s) { s.ports[0].http = http; });
  };
  auto with_check = [&](const std::function<void(ServiceCheck&)>& change) {
    ServiceCheck check;
    check.kind = CheckKind::kHttp;
    check.method = "GET";
    check.path = "/";
    change(check);
    return with_service([&](Service& s) { s.checks = {check}; });
  };
  const Duration kHour = std::chrono::hours(1);
  auto with_own = [](const std::function<void(AppCheck&)>& change) {
    AppCheck check{"alive", 80, {}, {}};
    change(check);
    return with<A>(app_rec(), [&](A& a) { a.checks = {check}; });
  };
  return {
      {"app has too many checks", with<A>(app_rec(),
                                          [](A& a) {
                                            for (int i = 0; i < 17; ++i)
                                              a.checks.push_back({std::to_string(i), 1, {}, {}});
                                          })},
      {"one name", with<A>(app_rec(),
                           [](A& a) {
                             a.checks = {{"up", 1, {}, {}}, {"up", 2, {}, {}}};
                           })},
      {"check's name", with_own([](AppCheck& c) { c.name = "a b"; })},
      {"check's port", with_own([](AppCheck& c) { c.port = 0; })},
      {"process groups", with_own([](AppCheck& c) { c.groups = {"A"}; })},
      {"interval of 2 s",
       with_own([](AppCheck& c) { c.check.interval = std::chrono::seconds(1); })},
      {"timeout of at most",
       with_own([](AppCheck& c) { c.check.timeout = std::chrono::hours(1); })},
      {"grace period of", with_own([](AppCheck& c) { c.check.grace = std::chrono::hours(2); })},
      {"begin with '/'", with_own([](AppCheck& c) {
         c.check.kind = CheckKind::kHttp;
         c.check.method = "GET";
         c.check.path = "up";
       })},
      {"too many checks", with_service([](Service& s) { s.checks.resize(17); })},
      {"1 s to 60 s", with_check([&](ServiceCheck& c) { c.interval = Duration::zero(); })},
      {"1 s to 60 s", with_check([&](ServiceCheck& c) { c.timeout = kHour; })},
      {"1 s to 60 s", with_check([&](ServiceCheck& c) { c.grace = kHour; })},
      {"HTTP method", with_check([](ServiceCheck& c) { c.method = "GET /"; })},
      {"begin with '/'", with_check([](ServiceCheck& c) { c.path = "up"; })},
      {"begin with '/'", with_check([](ServiceCheck& c) { c.path = "/a b"; })},
      {"server name", with_check([](ServiceCheck& c) { c.tls_server_name = "a\r\nb"; })},
      {"bad name or value", with_check([](ServiceCheck& c) {
         c.headers = {{"a:", "b"}};
       })},
      {"bad name or value", with_check([](ServiceCheck& c) {
         c.headers = {{"a", "b\nc"}};
       })},
      {"command", with_check([](ServiceCheck& c) { c.kind = CheckKind::kScript; })},
      {"version 1 or 2", with_service([](Service& s) { s.ports[0].proxy_protocol = 3; })},
      {"at most a day", with_http({false, false, 25 * kHour})},
      {"response headers", with_http({false, false, {}, {}, false, {{"a b", {}}}})},
      {"response headers", with_http({false, false, {}, {}, false, {{"a", {" x"}}}})},
      {"replay cache", with_http({false, false, {}, {}, false, {}, {{"/", kHour, false, ""}}})},
      {"replay cache",
       with_http({false, false, {}, {}, false, {}, {{"/", Duration::zero(), false, "sid"}}})},
      {"under its org's right", with<A>(app_rec(), [](A& a) { a.org = "globex"; })},
      {"primary region", with<A>(app_rec(), [](A& a) { a.primary_region = "x"; })},
      {"primary region", with<A>(app_rec(), [](A& a) { a.primary_region = "vms"; })},
      {"too many services", with<A>(app_rec(), [](A& a) { a.services.resize(33); })},
      {"external ports", bad_port(0, 80)},
      {"external ports", bad_port(443, 80)},
      {"internal port", with<A>(app_rec(), [](A& a) { a.services[0].internal_port = 0; })},
      {"handlers", with<A>(app_rec(), [](A& a) { a.services[0].ports[0].handlers = {"ht tp"}; })},
      {"process groups", with<A>(app_rec(), [](A& a) { a.services[0].groups = {"W"}; })},
      {"no Flycast address",
       test::make_shared_record(
           kHost, FlycastRecord{host_address(kHost.id), "web", kTestNetwork, ""}, "acme", 9)},
      {"network id 0",
       test::make_shared_record(kHost, NetworkRecord{NetworkId{0}, "acme", "default"}, "acme", 9)},
      {"own right", test::make_shared_record(kHost, OrgRecord{"globex"}, "acme", 9)},
      {"gateway",
       test::make_shared_record(kHost,
                                PeerRecord{"laptop",
                                           kTestNetwork,
                                           sim::host_id(3),
                                           {},
                                           peer_address(kTestNetwork, sim::host_id(2), 1)},
                                "acme", 9)},
      {"no statement",
       with<RevocationRecord>(revocation_rec(), [](RevocationRecord& r) { r.statement = ""; })},
      {"no statement",
       with<RenewalRecord>(renewal_rec(), [](RenewalRecord& r) { r.statement = ""; })},
      {"no dates",
       with<RenewalRecord>(renewal_rec(), [](RenewalRecord& r) { r.valid_until = {}; })},
      // An old statement may not come back under a newer stamp.
      {"the time it was signed at",
       with<RenewalRecord>(renewal_rec(),
                           [](RenewalRecord& r) { r.signed_at = from_unix_ms(999); })},
  };
}

std::vector<Broken> broken_interests() {
  auto naming = [](std::vector<NetworkId> networks) {
    return with<InterestRecord>(interest_rec(),
                                [&](InterestRecord& r) { r.networks = std::move(networks); });
  };
  std::vector<NetworkId> many;
  for (std::uint32_t i = 1; i <= registry::kMaxInterests + 1; ++i) many.push_back(NetworkId{i});
  Record foreign =
      with<InterestRecord>(interest_rec(), [](InterestRecord& r) { r.host = sim::host_id(9); });
  foreign.key = interest_key(sim::host_id(9));
  Record erased = interest_rec();
  erased.tombstone = true;
  erased.deleted = from_unix_ms(1'000);
  erased.value = std::monostate{};
  Record live = machine_rec();
  live.network = kTestNetwork;
  Record other = test::make_tombstone(app_rec(), 9, from_unix_ms(1'000));
  other.network = kTestNetwork;
  return {
      {"the host that has it", foreign},
      {"too many networks", naming(many)},
      {"ascending", naming({NetworkId{9}, NetworkId{7}})},
      {"ascending", naming({NetworkId{7}, NetworkId{7}})},
      {"infrastructure", naming({NetworkId{0}})},
      {"cannot be erased", erased},
      {"only a machine's tombstone", live},
      {"only a machine's tombstone", other},
  };
}

TEST(RecordRules, EachBrokenRuleSaysWhat) {
  for (const auto& cases :
       {broken_headers(), broken_owned_values(), broken_shared_values(), broken_interests()})
    for (const auto& [says, record] : cases) {
      auto checked = registry::check_record(record);
      ASSERT_FALSE(checked) << says;
      EXPECT_THAT(checked.error().message, HasSubstr(says));
      EXPECT_FALSE(sign_record(record, kHost.key)) << says;
    }
}

TEST(RecordRules, WhatIsUnbrokenPasses) {
  for (const Record& record :
       {host_rec(), machine_rec(), app_rec(), flycast_rec(), revocation_rec(), renewal_rec(),
        interest_rec(), machine_tombstone()}) {
    EXPECT_TRUE(registry::check_record(record));
    EXPECT_EQ(kHost.sign(record)->record, record);
  }
}

TEST(RecordCodec, ValuesOutOfRangeAreErrors) {
  auto with_value = [](const auto& message) {
    return [bytes = message.SerializeAsString()](wire::RecordBody& body) { body.set_value(bytes); };
  };
  auto machine = [] {
    wire::RecordBody body;
    wire::SignedRecord envelope;
    wire::Machine out;
    EXPECT_TRUE(envelope.ParseFromString(kHost.sign(machine_rec())->wire()) &&
                body.ParseFromString(envelope.body()) && out.ParseFromString(body.value()));
    return out;
  };
  wire::Machine state = machine();
  state.set_state(10);
  EXPECT_THAT(decode_record(reseal(with_value(state), machine_rec())).error().message,
              HasSubstr("malformed"));
  wire::Machine health = machine();
  health.add_service_health()->set_internal_port(70'000);
  EXPECT_FALSE(decode_record(reseal(with_value(health), machine_rec())));
  health.mutable_service_health(0)->set_internal_port(80);
  EXPECT_TRUE(decode_record(reseal(with_value(health), machine_rec())));
  health.mutable_service_health(0)->set_health(4);
  EXPECT_FALSE(decode_record(reseal(with_value(health), machine_rec())));
  wire::Machine own = machine();
  own.set_app_health(4);
  EXPECT_FALSE(decode_record(reseal(with_value(own), machine_rec())));
  wire::Machine address = machine();
  address.set_address("short");
  EXPECT_FALSE(decode_record(reseal(with_value(address), machine_rec())));
  wire::Machine twice = machine();
  for (int i = 0; i < 2; ++i) twice.add_metadata()->set_key("same");
  EXPECT_FALSE(decode_record(reseal(with_value(twice), machine_rec())));
  wire::App app;
  app.add_services()->set_internal_port(70'000);
  EXPECT_FALSE(decode_record(reseal(with_value(app), app_rec())));
  EXPECT_FALSE(
      decode_record(reseal([](wire::RecordBody& body) { body.set_kind(256); }, app_rec())));
}

}  // namespace
}  // namespace sixpn
