#include "machine/core/machine_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "registry/core/address.h"

namespace sixpn::machine {
namespace {

using ::testing::HasSubstr;

MachineFile full() {
  MachineFile file;
  file.id = MachineId(0x148e21dad76789);
  file.placement = {.app = "web",
                    .org = "acme",
                    .network = NetworkId(0x10002),
                    .network_name = "default",
                    .primary_region = "iad",
                    .group = "worker",
                    .metadata = {{"role", "primary"}, {"fly_x", "ünïcode \"quoted\""}},
                    .skip_dns = true};
  file.process.command = {"sh", "-c", "echo \xff\x01", ""};
  file.process.env = {{"A", "1"}, {"B", "\n\t\\"}};
  file.process.cwd = "/srv";
  file.process.user = "nobody";
  file.process.kill_signal = "SIGTERM";
  file.process.kill_timeout = std::chrono::milliseconds(1500);
  file.process.resolver = {
      {*parse_ip("fdaa::3"), *parse_ip("192.0.2.1")}, {"internal"}, {"ndots:2"}};
  file.address = machine_address(NetworkId(0x10002), HostId(0x30004), 0x50006);
  file.netns_path = "/run/netns/148e21dad76789";
  file.version = "01ARYZ6S41TSV4RRFFQ69G5FAV";
  file.desired = Desired::kStopped;
  file.boot_id = "6f9b";
  file.updated = from_unix_ms(1700000000123);
  file.cordoned = true;
  return file;
}

TEST(MachineFile, RoundTrips) {
  auto decoded = decode_machine_file(encode(full()));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, full());
}

TEST(MachineFile, AttachedRoundTrips) {
  auto file = full();
  file.kind = MachineKind::kAttached;
  file.process = {};
  file.netns_identity = "4:4026532281";
  auto decoded = decode_machine_file(encode(file));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, file);
}

TEST(MachineFile, OfAnAgentThatKnewNoCordon) {
  auto text = encode(full());
  const std::string member = ",\"cordoned\":true";
  text.erase(text.find(member), member.size());
  auto decoded = decode_machine_file(text);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_FALSE(decoded->cordoned);
}

TEST(MachineFile, SaysWhatIsWrong) {
  auto text = encode(full());
  auto replaced = [&](const std::string& from, const std::string& to) {
    auto copy = text;
    auto at = copy.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return copy.replace(at, from.size(), to);
  };
  const std::pair<std::string, std::string> cases[] = {
      {"", "not JSON"},
      {"\0\0\0", "not JSON"},
      {"[]", "not a JSON object"},
      {"{}", "another version"},
      {replaced("\"format\":1", "\"format\":2"), "another version"},
      {replaced("\"id\":\"148e21dad76789\"", "\"id\":\"148e\""), "\"id\" is missing"},
      {replaced("\"kind\":\"run\"", "\"kind\":\"walk\""), "\"kind\" is missing"},
      {replaced("\"address\":\"fdaa:", "\"address\":\"zz:"), "\"address\" is missing"},
      {replaced("\"desired\":\"stopped\"", "\"desired\":7"), "\"desired\" is missing"},
      {replaced("\"kill_timeout_us\":1500000", "\"kill_timeout_us\":\"1\""), "\"kill_timeout_us\""},
      {replaced("\"kill_timeout_us\":1500000", "\"kill_timeout_us\":-1"), "kill_timeout: expected"},
      {replaced("\"app\":\"web\"", "\"app\":\"We b\""), "app \"We b\""},
      {replaced("\"process\":{", "\"other\":{"), "missing or wrong"},
      {replaced("\"cordoned\":true", "\"cordoned\":1"), "\"cordoned\" is missing or wrong"},
      {replaced("192.0.2.1", "192.0.2"), "\"nameservers\""},
      {text.substr(0, text.size() / 2), "not JSON"},
  };
  for (const auto& [bytes, expected] : cases) {
    auto decoded = decode_machine_file(bytes);
    ASSERT_FALSE(decoded) << expected;
    EXPECT_THAT(decoded.error().message, HasSubstr(expected));
  }
}

TEST(MachineFile, NoiseNeverCrashes) {
  Rng rng(5);
  auto text = encode(full());
  for (int i = 0; i < 5000; ++i) {
    auto noisy = text;
    for (int flips = 0; flips < 2; ++flips)
      noisy[rng.below(noisy.size())] = static_cast<char>(rng.below(256));
    if (auto decoded = decode_machine_file(noisy)) {
      auto again = decode_machine_file(encode(*decoded));
      ASSERT_TRUE(again);
      EXPECT_EQ(*again, *decoded);
    }
  }
}

TEST(ShimFile, RoundTripsAndRefusesAnImpossiblePid) {
  ShimFile file{4711, 123456789, 4712, "6f9b", from_unix_ms(5)};
  auto decoded = decode_shim_file(encode(file));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, file);
  file.pid = 1;  // never signal init because of a bad file
  EXPECT_FALSE(decode_shim_file(encode(file)));
  EXPECT_FALSE(decode_shim_file(""));
}

TEST(ExitFile, ReadsWhatTheShimWritesAndWhatTheAgentWrites) {
  ExitFile file{{137, 9, from_unix_ms(7)}, "killed"};
  auto decoded = decode_exit_file(encode(file));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, file);
  // The shim writes into space it reserved: blanks follow.
  auto shims = decode_exit_file("{\"code\":3,\"signal\":0,\"at_ms\":1700000000123}\n          \n");
  ASSERT_TRUE(shims);
  EXPECT_EQ(shims->exit, (Exit{3, 0, from_unix_ms(1700000000123)}));
  EXPECT_FALSE(decode_exit_file("          "));  // reserved, never written
}

TEST(MakeRecord, CarriesWhatTheClusterSees) {
  auto record =
      make_record(full(), HostId(0x30004), "fra", MachineState::kStarted, from_unix_ms(9));
  EXPECT_EQ(record.id, full().id);
  EXPECT_EQ(record.host, HostId(0x30004));
  EXPECT_EQ(record.region, "fra");
  EXPECT_EQ(record.app, "web");
  EXPECT_EQ(record.group, "worker");
  const auto metadata = full().placement.metadata;
  EXPECT_TRUE(std::equal(
      record.metadata.begin(), record.metadata.end(), metadata.begin(), metadata.end(),
      [](const auto& a, const auto& b) { return a.first == b.first && a.second == b.second; }));
  EXPECT_EQ(record.state, MachineState::kStarted);
  EXPECT_TRUE(record.skip_dns);
  EXPECT_TRUE(record.cordoned);
  EXPECT_EQ(record.updated, from_unix_ms(9));
}

}  // namespace
}  // namespace sixpn::machine
