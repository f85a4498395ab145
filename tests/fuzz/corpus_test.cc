// The fuzzers' corpora, replayed: what once was interesting stays tried in every build. And the two
// targets that run programs, on random ones.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/rng.h"
#include "tests/fuzz/targets.h"

namespace sixpn::fuzz {
namespace {

constexpr int kChanges = 20;  // of each file, in every run

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A few changes of the kinds that fuzzers make: bits, runs cut out or doubled, numbers at an edge.
std::string changed(std::string bytes, Rng& rng) {
  for (std::uint64_t i = 1 + rng.below(4); i > 0 && !bytes.empty(); --i) {
    std::size_t at = rng.below(bytes.size());
    switch (rng.below(5)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << rng.below(8));
        break;
      case 1:
        bytes[at] = static_cast<char>(rng.below(2) == 0 ? 0xff : 0x7f);
        break;
      case 2:
        bytes.erase(at, rng.below(16));
        break;
      case 3:
        bytes.insert(at, bytes.substr(rng.below(bytes.size()), rng.below(32)));
        break;
      default:
        bytes.resize(at);
        break;
    }
  }
  return bytes;
}

class Corpus : public testing::TestWithParam<Target> {};

// Each file as it is, and altered. The last file named before an abort is the one.
TEST_P(Corpus, KeepsItsPromises) {
  int files = 0;
  Rng rng(1);
  std::string folder = std::string("tests/fuzz/corpus/") + GetParam().name;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::cout << "[ file     ] " << entry.path().string() << "\n" << std::flush;
    std::string bytes = read(entry.path());
    GetParam().run(bytes);
    for (int i = 0; i < kChanges; ++i) GetParam().run(changed(bytes, rng));
    ++files;
  }
  EXPECT_GE(files, 2) << folder;
}

INSTANTIATE_TEST_SUITE_P(All, Corpus, testing::ValuesIn(kTargets),
                         [](const auto& each) { return std::string(each.param.name); });

void run_random_programs(void (*target)(std::string_view), std::uint64_t programs,
                         std::size_t size) {
  for (std::uint64_t seed = 1; seed <= programs; ++seed) {
    Rng rng(seed);
    std::string program;
    for (std::size_t i = 0; i < size; ++i) program += static_cast<char>(rng.below(256));
    SCOPED_TRACE("seed " + std::to_string(seed));
    target(program);
  }
}

TEST(RandomPrograms, TheStoreIsItsModel) {
  run_random_programs(store, 60, 500);
}

TEST(RandomPrograms, AGossipAmongLiarsKeepsItsInvariants) {
  run_random_programs(gossip, 40, 800);
}

}  // namespace
}  // namespace sixpn::fuzz
