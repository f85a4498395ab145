#include "mesh/io/identity_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/encoding.h"
#include "mesh/io/private_file.h"

namespace sixpn::mesh {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr WallTime kNow = from_unix_ms(1'790'000'000'000);  // 2026-09-21 14:13:20 UTC
const std::vector<std::string> kKeyFiles = {"signing.key", "wireguard.key", "cluster.key",
                                            "root.pub",    "host.cert",     "seeds"};

mode_t mode_of(const std::string& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 07777;
}

std::map<std::string, std::string> contents_of(const std::string& folder) {
  std::map<std::string, std::string> contents;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path());
    contents[entry.path().string()] = {std::istreambuf_iterator<char>(file), {}};
  }
  return contents;
}

class IdentityStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "sixpn-identity-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  [[nodiscard]] std::string state(const std::string& name) const { return root_ + "/" + name; }
  [[nodiscard]] std::string key_file(const std::string& host, const std::string& name) const {
    return state(host) + "/identity/" + name;
  }

  Identity create(const std::string& name) {
    auto made = IdentityStore::create_cluster(
        state(name), {.name = name, .region = "iad", .root_key_path = "", .now = kNow});
    EXPECT_TRUE(made) << made.error().message;
    return *made;
  }
  Token invite(const Identity& cluster, const std::string& inviter, const std::string& name) {
    auto root = IdentityStore::load_root_key(state(inviter) + "/root.key");
    auto text = make_invite({.name = name,
                             .region = "fra",
                             .expires = kNow + hours(24),
                             .host_id = choose_host_id({cluster.certificate.invite.host}),
                             .seeds = {},
                             .cluster_key = cluster.cluster_key},
                            *root);
    EXPECT_TRUE(text) << text.error().message;
    return decode_token(*text).value();
  }

  std::string root_;
};

TEST_F(IdentityStoreTest, ACreatedClusterIsReadBackAsItWas) {
  EXPECT_FALSE(IdentityStore::exists(state("a")));
  Identity made = create("a");
  EXPECT_EQ(made.certificate.invite.name, "a");
  EXPECT_EQ(made.certificate.invite.orgs, std::vector<std::string>{"*"});
  EXPECT_TRUE(IdentityStore::exists(state("a")));
  auto read = IdentityStore::load(state("a"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->certificate, made.certificate);
  EXPECT_EQ(read->signing_key.seed(), made.signing_key.seed());
  EXPECT_EQ(read->wireguard_key, made.wireguard_key);
  EXPECT_EQ(read->cluster_key, made.cluster_key);
  EXPECT_EQ(read->root_key, made.root_key);
  auto root = IdentityStore::load_root_key(IdentityStore::default_root_key_path(state("a")));
  EXPECT_EQ(root.value().public_key(), made.root_key);
  EXPECT_TRUE(verify_certificate(made.certificate.encoded, made.root_key));
}

TEST_F(IdentityStoreTest, FilesAreForTheirOwnerOnlyWhateverTheUmask) {
  for (mode_t mask : {0000, 0022, 0777}) {
    mode_t before = ::umask(mask);
    std::string name = "m" + std::to_string(mask);
    create(name);
    ::umask(before);
    EXPECT_EQ(mode_of(state(name) + "/identity"), 0700U);
    EXPECT_EQ(mode_of(state(name) + "/root.key"), 0600U);
    for (const auto& file : kKeyFiles) EXPECT_EQ(mode_of(key_file(name, file)), 0600U) << file;
    EXPECT_TRUE(IdentityStore::load(state(name)));
  }
}

TEST_F(IdentityStoreTest, WrongModesAreRefusedWithTheWayToMendThem) {
  create("a");
  struct Row {
    std::string path;
    mode_t mode;
    std::string found;
    mode_t right;
  };
  std::vector<Row> table = {{state("a") + "/identity", 0755, "0755", 0700}};
  for (const auto& file : kKeyFiles) table.push_back({key_file("a", file), 0640, "0640", 0600});
  table.push_back({key_file("a", "signing.key"), 0400, "0400", 0600});
  for (const auto& row : table) {
    ASSERT_EQ(::chmod(row.path.c_str(), row.mode), 0);
    auto read = IdentityStore::load(state("a"));
    ASSERT_FALSE(read) << row.path;
    EXPECT_THAT(read.error().message,
                AllOf(HasSubstr(row.path + " has mode " + row.found),
                      HasSubstr("run chmod " + std::string(row.right == 0700 ? "700 " : "600 ") +
                                row.path)));
    ASSERT_EQ(::chmod(row.path.c_str(), row.right), 0);
  }
  EXPECT_TRUE(IdentityStore::load(state("a")));
}

TEST_F(IdentityStoreTest, FilesOfAnotherUserAreRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "giving a file away needs root";
  create("a");
  ASSERT_EQ(::chown(key_file("a", "cluster.key").c_str(), 65534, 0), 0);
  auto read = IdentityStore::load(state("a"));
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("is owned by user 65534, it must be owned by user 0: "
                                              "run chown 0 " +
                                              key_file("a", "cluster.key")));
}

TEST_F(IdentityStoreTest, ASetThatIsNotWholeIsRefusedAndNamesWhatIsMissing) {
  create("a");
  for (const auto& file : kKeyFiles) {
    const std::string path = key_file("a", file);
    fs::rename(path, state("kept"));
    auto read = IdentityStore::load(state("a"));
    EXPECT_EQ(read.has_value(), file == "seeds") << file;
    if (!read) {
      EXPECT_THAT(read.error().message, HasSubstr("not whole, it lacks " + file));
    }
    fs::rename(state("kept"), path);
  }
  EXPECT_TRUE(IdentityStore::load(state("a")));
}

TEST_F(IdentityStoreTest, DamagedFilesAreRefusedByName) {
  create("a");
  auto original = contents_of(state("a") + "/identity");
  for (const auto& file : kKeyFiles) {
    for (const std::string& bad : {std::string("!!!\n"), std::string("AAAA\n"),
                                   std::string(70'000, 'A'), std::string("\0\xff\n\n", 4)}) {
      const std::string path = key_file("a", file);
      std::ofstream(path, std::ios::trunc) << bad;
      auto read = IdentityStore::load(state("a"));
      ASSERT_FALSE(read) << file;
      EXPECT_THAT(read.error().message, HasSubstr(path)) << bad.size();
      std::ofstream(path, std::ios::trunc) << original[path];
    }
  }
  EXPECT_TRUE(IdentityStore::load(state("a")));
}

TEST_F(IdentityStoreTest, KeysThatDoNotFitTogetherAreRefused) {
  create("a");
  create("b");
  for (const char* file : {"signing.key", "root.pub", "host.cert"}) {
    const std::string path = key_file("a", file);
    fs::copy_file(path, state("kept"));
    fs::copy_file(key_file("b", file), path, fs::copy_options::overwrite_existing);
    EXPECT_FALSE(IdentityStore::load(state("a"))) << file;
    fs::copy_file(state("kept"), path, fs::copy_options::overwrite_existing);
    fs::remove(state("kept"));
  }
  EXPECT_TRUE(IdentityStore::load(state("a")));
}

TEST_F(IdentityStoreTest, WhatIsNoFileIsRefused) {
  create("a");
  const std::string path = key_file("a", "signing.key");
  fs::rename(path, state("kept"));
  fs::create_symlink(state("kept"), path);
  auto linked = IdentityStore::load(state("a"));
  ASSERT_FALSE(linked);
  EXPECT_THAT(linked.error().message, HasSubstr("is a symbolic link"));
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  auto pipe = IdentityStore::load(state("a"));
  ASSERT_FALSE(pipe);
  EXPECT_THAT(pipe.error().message, HasSubstr("is not a regular file"));
}

TEST_F(IdentityStoreTest, OnlyTheSeedsAreReplacedAlsoAfterAnInterruptedAttempt) {
  auto made = create("a");
  std::ofstream(key_file("a", "seeds.new")) << "half a li";
  std::vector<Seed> seeds = {
      {HostId(0x20003), made.root_key, {}, {*parse_endpoint("192.0.2.1:51821")}}};
  ASSERT_TRUE(IdentityStore::replace_seeds(state("a"), seeds));
  auto loaded = IdentityStore::load(state("a"));
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->seeds, seeds);
  EXPECT_EQ(loaded->certificate.encoded, made.certificate.encoded);
  EXPECT_FALSE(fs::exists(key_file("a", "seeds.new")));
  EXPECT_FALSE(IdentityStore::replace_seeds(state("nowhere"), seeds));
}

TEST_F(IdentityStoreTest, NoIdentitySaysWhatToDo) {
  auto read = IdentityStore::load(state("nowhere"));
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, AllOf(HasSubstr("sixpn cluster init"), HasSubstr("--join")));
}

TEST_F(IdentityStoreTest, ANewClusterIsNeverMadeOverAnything) {
  create("a");
  auto before = contents_of(state("a"));
  EXPECT_FALSE(IdentityStore::create_cluster(state("a"), {.now = kNow}));
  EXPECT_EQ(contents_of(state("a")), before);

  fs::create_directory(state("c"));
  std::ofstream(state("c") + "/root.key") << "precious";
  auto refused = IdentityStore::create_cluster(state("c"), {.now = kNow});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(state("c") + "/root.key exists already"));
  EXPECT_FALSE(IdentityStore::exists(state("c")));
  EXPECT_EQ(contents_of(state("c"))[state("c") + "/root.key"], "precious");
}

TEST_F(IdentityStoreTest, AFailedCreationLeavesNothingBehind) {
  for (const CreateClusterOptions& options :
       {CreateClusterOptions{.name = "Bad Name", .now = kNow},
        CreateClusterOptions{.region = "nowhere", .now = kNow},
        CreateClusterOptions{.root_key_path = state("missing/folder/root.key"), .now = kNow}}) {
    EXPECT_FALSE(IdentityStore::create_cluster(state("a"), options));
    EXPECT_FALSE(IdentityStore::exists(state("a")));
    EXPECT_FALSE(fs::exists(state("a") + "/identity.new"));
    EXPECT_FALSE(fs::exists(state("a") + "/root.key"));
  }
  create("a");
}

TEST_F(IdentityStoreTest, AnInterruptedCreationDoesNotStandInTheWay) {
  fs::create_directories(state("a") + "/identity.new");
  std::ofstream(state("a") + "/identity.new/signing.key") << "half";
  std::ofstream(state("a") + "/root.key.tmp") << "half";
  create("a");
  EXPECT_TRUE(IdentityStore::load(state("a")));
  EXPECT_FALSE(fs::exists(state("a") + "/identity.new"));
  EXPECT_FALSE(fs::exists(state("a") + "/root.key.tmp"));
}

TEST_F(IdentityStoreTest, OneCreationAtATime) {
  fs::create_directories(state("a"));
  auto held = lock_file(state("a") + "/identity.lock");
  ASSERT_TRUE(held);
  auto refused = IdentityStore::create_cluster(state("a"), {.now = kNow});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("another process is creating an identity"));
}

TEST_F(IdentityStoreTest, AStatePathThatIsAFileIsAnError) {
  std::ofstream(state("file")) << "x";
  EXPECT_FALSE(IdentityStore::create_cluster(state("file"), {.now = kNow}));
  EXPECT_FALSE(IdentityStore::load(state("file")));
}

TEST_F(IdentityStoreTest, ATokenEnrolsAHostWithKeysOfItsOwn) {
  Identity a = create("a");
  Token token = invite(a, "a", "b");
  token.seeds = {Seed{a.certificate.invite.host,
                      wireguard_public_key(a.wireguard_key),
                      {},
                      {*parse_endpoint("[::1]:51821")}}};
  auto b = IdentityStore::enrol_host(state("b"), token, kNow);
  ASSERT_TRUE(b) << b.error().message;
  EXPECT_EQ(b->certificate.invite.name, "b");
  EXPECT_EQ(b->root_key, a.root_key);
  EXPECT_EQ(b->cluster_key, a.cluster_key);
  EXPECT_FALSE(b->wireguard_key == a.wireguard_key);
  EXPECT_FALSE(b->signing_key.seed() == token.enrolment_seed);
  EXPECT_TRUE(verify_certificate(b->certificate.encoded, a.root_key));
  EXPECT_EQ(IdentityStore::load(state("b")).value().seeds, token.seeds);
  EXPECT_FALSE(fs::exists(state("b") + "/root.key"));
}

TEST_F(IdentityStoreTest, TheSameTokenAgainReturnsTheIdentityThatIsThereAlsoWhenExpired) {
  Token token = invite(create("a"), "a", "b");
  auto first = IdentityStore::enrol_host(state("b"), token, kNow);
  auto again = IdentityStore::enrol_host(state("b"), token, kNow + hours(1000));
  ASSERT_TRUE(first && again) << again.error().message;
  EXPECT_EQ(again->certificate, first->certificate);
  EXPECT_EQ(again->signing_key.seed(), first->signing_key.seed());
}

TEST_F(IdentityStoreTest, AnExpiredTokenIsRefusedWithBothTimes) {
  Token token = invite(create("a"), "a", "b");
  auto late = IdentityStore::enrol_host(state("b"), token, kNow + hours(25));
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().message, AllOf(HasSubstr("expired at 2026-09-22 14:13:20 UTC"),
                                          HasSubstr("it is now 2026-09-22 15:13:20 UTC")));
  EXPECT_FALSE(fs::exists(state("b")));
}

TEST_F(IdentityStoreTest, AFolderIsOneHostOfOneCluster) {
  Identity a = create("a");
  Identity other = create("other");
  Token token_b = invite(a, "a", "b");
  ASSERT_TRUE(IdentityStore::enrol_host(state("b"), token_b, kNow));
  auto before = contents_of(state("b"));

  auto another_host = IdentityStore::enrol_host(state("b"), invite(a, "a", "c"), kNow);
  ASSERT_FALSE(another_host);
  EXPECT_THAT(another_host.error().message,
              AllOf(HasSubstr("already is host b ("), HasSubstr("the token is for host c (")));

  auto another_cluster = IdentityStore::enrol_host(state("b"), invite(other, "other", "b"), kNow);
  ASSERT_FALSE(another_cluster);
  EXPECT_THAT(another_cluster.error().message,
              HasSubstr("of cluster " + to_hex(other.certificate.invite.cluster)));

  Token garbage = token_b;
  garbage.signed_invite = "garbage";
  EXPECT_FALSE(IdentityStore::enrol_host(state("b"), garbage, kNow));
  EXPECT_EQ(contents_of(state("b")), before);
}

// Writing beyond `bytes` of any file fails while this lives, as on a full disk.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : before_signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    struct rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, before_signal_);
  }

 private:
  struct rlimit before_ {};
  void (*before_signal_)(int);
};

TEST_F(IdentityStoreTest, AFullDiskIsAnErrorThatLeavesNothingHalfDone) {
  // 0: the first file fails; 50: keys fit, the certificate does not.
  for (rlim_t room : {0, 10, 50}) {
    Result<Identity> refused = Error("not tried");
    {
      FullDisk full(room);
      refused = IdentityStore::create_cluster(state("a"), {.now = kNow});
    }
    ASSERT_FALSE(refused) << room;
    EXPECT_THAT(
        refused.error().message,
        AllOf(HasSubstr("writing " + state("a") + "/identity.new/"), HasSubstr("File too large")));
    EXPECT_FALSE(fs::exists(state("a") + "/identity.new"));
    EXPECT_FALSE(fs::exists(state("a") + "/root.key"));
    EXPECT_FALSE(IdentityStore::exists(state("a")));
  }
  create("a");
}

TEST_F(IdentityStoreTest, AFileWhereTheFolderBelongsIsRefused) {
  Token token = invite(create("a"), "a", "b");
  fs::create_directories(state("b"));
  std::ofstream(state("b") + "/identity") << "x";
  auto refused = IdentityStore::enrol_host(state("b"), token, kNow);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("is not a folder"));
}

TEST_F(IdentityStoreTest, RootKeyFilesAreCheckedToo) {
  create("a");
  const std::string path = state("a") + "/root.key";
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  auto read = IdentityStore::load_root_key(path);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("has mode 0644, it must be 0600"));
  EXPECT_FALSE(IdentityStore::load_root_key(state("a") + "/nothing"));
}

}  // namespace
}  // namespace sixpn::mesh
