#include "machine/core/run_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <functional>

namespace sixpn::machine {
namespace {

RunRequest valid() {
  RunRequest request;
  request.placement.app = "web";
  request.placement.network = NetworkId(0x10002);
  request.process.command = {"sleep", "1"};
  return request;
}

TEST(ValidateRunRequest, AcceptsDefaults) {
  EXPECT_TRUE(validate(valid()));
}

TEST(SettleGroup, GroupAndMetadataSayTheSame) {
  using Map = std::map<std::string, std::string>;
  struct Case {
    std::string asked;
    Map metadata;
    std::string group;
    Map settled;
  };
  const Case cases[] = {
      {"", {}, "app", {}},
      {"api", {{"role", "x"}}, "api", {{"role", "x"}}},
      {"", {{"fly_process_group", "api"}}, "api", {{"fly_process_group", "api"}}},
      {"", {{"process_group", "api"}}, "api", {{"process_group", "api"}}},
      {"", {{"Fly_Process_Group", "api"}}, "api", {{"Fly_Process_Group", "api"}}},
      {"",
       {{"fly_process_group", "api"}, {"process_group", "old"}},
       "api",
       {{"fly_process_group", "api"}, {"process_group", "api"}}},
      {"db", {{"fly_process_group", "api"}}, "db", {{"fly_process_group", "db"}}},
      {"db", {{"process_group", "api"}}, "db", {{"process_group", "db"}}},
  };
  for (const auto& c : cases) {
    Placement placement;
    placement.metadata = c.metadata;
    settle_group(c.asked, placement);
    EXPECT_EQ(placement.group, c.group);
    EXPECT_EQ(placement.metadata, c.settled);
  }
  auto request = valid();
  request.placement.metadata["fly_process_group"] = "My group";
  settle_group("", request.placement);
  EXPECT_FALSE(validate(request));  // no name could stand for it
}

TEST(ValidateRunRequest, NamesWhatIsWrong) {
  struct Case {
    std::string expected;
    std::function<void(RunRequest&)> spoil;
  };
  const std::string long_text(70, 'a');
  const Case cases[] = {
      {"app \"We.b\"", [](auto& r) { r.placement.app = "We.b"; }},
      {"group \"-x\"", [](auto& r) { r.placement.group = "-x"; }},
      {"group \"\"", [](auto& r) { r.placement.group = ""; }},
      {"network: none", [](auto& r) { r.placement.network = kInfrastructureNetwork; }},
      {"primary region \"europe\"", [](auto& r) { r.placement.primary_region = "europe"; }},
      {"primary region \"vms\": expected a name other than vms",
       [](auto& r) { r.placement.primary_region = "vms"; }},
      {"metadata key \"a.b\"", [](auto& r) { r.placement.metadata["a.b"] = "x"; }},
      {"metadata key \"" + long_text, [&](auto& r) { r.placement.metadata[long_text] = "x"; }},
      {"metadata value of role", [](auto& r) { r.placement.metadata["role"] = ""; }},
      {"metadata value of role", [](auto& r) { r.placement.metadata["role"] = "a\nb"; }},
      {"metadata value of role",
       [](auto& r) { r.placement.metadata["role"] = std::string(256, 'x'); }},
      {"metadata: at most 32",
       [](auto& r) {
         for (int i = 0; i < 33; ++i) r.placement.metadata["k" + std::to_string(i)] = "v";
       }},
      {"command: empty", [](auto& r) { r.process.command.clear(); }},
      {"command: empty", [](auto& r) { r.process.command = {""}; }},
      {"command: an argument",
       [](auto& r) {
         r.process.command = {"a", std::string("b\0c", 3)};
       }},
      {"command: at most",
       [](auto& r) {
         r.process.command = {"a", std::string(70000, 'x')};
       }},
      {"FLY_REGION\": names that begin with FLY_",
       [](auto& r) { r.process.env["FLY_REGION"] = "x"; }},
      {"env key \"A=B\"", [](auto& r) { r.process.env["A=B"] = "x"; }},
      {"env key \"\"", [](auto& r) { r.process.env[""] = "x"; }},
      {"env A: the value", [](auto& r) { r.process.env["A"] = std::string("x\0y", 3); }},
      {"env: at most 131072 bytes", [](auto& r) { r.process.env["A"] = std::string(140000, 'x'); }},
      {"cwd \"relative\"", [](auto& r) { r.process.cwd = "relative"; }},
      {"kill_signal \"SIGSTOP\"", [](auto& r) { r.process.kill_signal = "SIGSTOP"; }},
      {"kill_timeout", [](auto& r) { r.process.kill_timeout = std::chrono::seconds(301); }},
      {"kill_timeout", [](auto& r) { r.process.kill_timeout = std::chrono::seconds(-1); }},
      {"dns option \"a b\"", [](auto& r) { r.process.resolver.options = {"a b"}; }},
      {"dns search \"\"", [](auto& r) { r.process.resolver.searches = {""}; }},
  };
  for (const auto& c : cases) {
    auto request = valid();
    c.spoil(request);
    auto outcome = validate(request);
    ASSERT_FALSE(outcome) << c.expected;
    EXPECT_THAT(outcome.error().message, ::testing::HasSubstr(c.expected));
  }
}

TEST(ValidateRunRequest, KeepsALargeMetadataMapInsideOneRecord) {
  auto request = valid();
  for (int i = 0; i < 32; ++i)
    request.placement.metadata["key_" + std::to_string(i)] = std::string(255, 'v');
  EXPECT_TRUE(validate(request));
}

TEST(ValidateAttachRequest, WantsAnAbsolutePath) {
  AttachRequest request{valid().placement, "/run/netns/blue"};
  EXPECT_TRUE(validate(request));
  for (const char* path : {"", "blue", "./blue"}) {
    request.netns_path = path;
    EXPECT_FALSE(validate(request)) << path;
  }
}

TEST(ParseSignal, TakesNamesAndNumbers) {
  EXPECT_EQ(parse_signal("SIGINT"), SIGINT);
  EXPECT_EQ(parse_signal("term"), SIGTERM);
  EXPECT_EQ(parse_signal("sigkill"), SIGKILL);
  EXPECT_EQ(parse_signal("3"), SIGQUIT);
  for (const char* text : {"", "SIG", "SIGSTOP", "0", "19", "INT ", "-2", "SIGSIGINT"})
    EXPECT_FALSE(parse_signal(text)) << text;
  EXPECT_EQ(signal_name(SIGUSR1), "SIGUSR1");
  EXPECT_EQ(signal_name(SIGSEGV), "signal 11");
}

}  // namespace
}  // namespace sixpn::machine
