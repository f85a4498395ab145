// The fuzzers' corpus, replayed: what once was interesting stays tried in every build.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/dns_names_target.h"
#include "tests/fuzz/dns_targets.h"

namespace sixpn::dns::testing {
namespace {

int replay(const std::string& folder, void (*target)(std::string_view)) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/corpus/" + folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::string bytes(std::istreambuf_iterator<char>(file), {});
    SCOPED_TRACE(entry.path().string());
    target(bytes);
    ++files;
  }
  return files;
}

TEST(Corpus, NamesOfRecords) {
  auto every_name = [](std::string_view input) {
    for (unsigned choice = 0; choice < kNameChoices; ++choice)
      fuzz_names(static_cast<char>(choice) + std::string(input.substr(input.empty() ? 0 : 1)));
  };
  EXPECT_GT(replay("dns_names", every_name), 4);
}

TEST(Corpus, Queries) {
  EXPECT_GT(replay("dns_query", fuzz_query), 20);
}

TEST(Corpus, Options) {
  EXPECT_GT(replay("dns_options", fuzz_options), 10);
}

TEST(Corpus, Streams) {
  EXPECT_GE(replay("dns_stream", fuzz_stream), 8);
}

TEST(Corpus, MessagesAsText) {
  EXPECT_GT(replay("dns_message", fuzz_message), 10);
}

TEST(Corpus, UpstreamReplies) {
  EXPECT_GT(replay("dns_reply", fuzz_reply), 10);
}

}  // namespace
}  // namespace sixpn::dns::testing
