// `sixpn dns install` and `uninstall` in a mount namespace of their own, over an /etc and a /run
// that are the test's; resolvectl and systemctl are scripts that write down what they are told.
// Root only.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/tools/agent_stub.h"

namespace sixpn::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kServer = "fdaa::a1:b2c3:0:0:1";
constexpr const char* kUsual = "search example.org\nnameserver 192.0.2.1\noptions ndots:2\n";

class DnsInstall : public testing::Test {
 protected:
  DnsInstall() {
    fs::create_directories(etc() / "systemd/system");
    fs::create_directories(folder() / "bin");
    fs::create_directories(folder() / "run");
    write(etc() / "resolv.conf", kUsual);
    for (const char* program : {"resolvectl", "systemctl"}) {
      auto path = folder() / "bin" / program;
      write(path, "#!/bin/sh\necho " + std::string(program) + " \"$@\" >> " + told().string() +
                      "\ntest ! -e " + (folder() / "fail").string() + "\n");
      fs::permissions(path, fs::perms::owner_all);
    }
    shows("acme/default");
  }

  void shows(const std::string& network) {
    agent_.answer("GET /v1/status", 200,
                  R"({"host":{"address":")" + std::string(kServer) +
                      R"("},"dns":{"interface":"six0","host_network":")" + network + "\"}}");
  }
  void start_resolved() {
    fs::create_directories(folder() / "run/systemd/resolve");
    write(folder() / "run/systemd/resolve/io.systemd.Resolve", "");
  }

  // The program, with nothing of this machine's /etc and /run in its sight.
  ProgramRun sixpn(const std::string& words) {
    std::string script =
        "mount --bind " + etc().string() + " /etc && mount --bind " + (folder() / "run").string() +
        " /run && PATH=" + (folder() / "bin").string() + ":$PATH exec " SIXPN_PROGRAM " --socket " +
        agent_.socket_path() + " dns " + words;
    return run_program("/bin/sh", {"-c", "exec unshare --mount --propagation private /bin/sh -c '" +
                                             script + "'"});
  }

  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  static std::string read(const fs::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // Everything below /etc: names, kinds, contents.
  std::string etc_as_it_is() {
    std::vector<std::string> lines;
    for (const auto& entry : fs::recursive_directory_iterator(etc())) {
      std::string what = entry.is_symlink()     ? " -> " + fs::read_symlink(entry).string()
                         : entry.is_directory() ? "/"
                                                : ": " + read(entry);
      lines.push_back(entry.path().string() + what);
    }
    std::sort(lines.begin(), lines.end());
    std::string all;
    for (const auto& line : lines) all += line + "\n";
    return all;
  }

  fs::path folder() const { return agent_.folder(); }
  fs::path etc() const { return folder() / "etc"; }
  fs::path told() const { return folder() / "told"; }
  fs::path drop_in() const { return etc() / "systemd/system/sixpnd.service.d/dns.conf"; }

  AgentStub agent_;
};

TEST_F(DnsInstall, TellsResolvedAndTakesItBack) {
  start_resolved();
  auto before = etc_as_it_is();
  auto first = sixpn("install");
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_NE(first.out.find("systemd-resolved asks " + std::string(kServer) + " on link six0"),
            std::string::npos)
      << first.out;
  std::string commands = "resolvectl dns six0 " + std::string(kServer) +
                         "\nresolvectl domain six0 ~internal ~flycast ~a.a.d.f.ip6.arpa\n"
                         "resolvectl default-route six0 no\n";
  EXPECT_EQ(read(told()), commands + "systemctl daemon-reload\n");
  EXPECT_NE(read(drop_in()).find("ExecStartPost=-resolvectl default-route six0 no\n"),
            std::string::npos);
  EXPECT_EQ(read(etc() / "resolv.conf"), kUsual);

  auto installed = etc_as_it_is();
  ASSERT_EQ(sixpn("install").exit_code, 0);  // again: nothing but the link is told
  EXPECT_EQ(etc_as_it_is(), installed);
  EXPECT_EQ(read(told()), commands + "systemctl daemon-reload\n" + commands);

  fs::remove(told());
  auto undone = sixpn("uninstall");
  ASSERT_EQ(undone.exit_code, 0) << undone.err;
  EXPECT_EQ(etc_as_it_is(), before);
  EXPECT_EQ(read(told()), "systemctl daemon-reload\nresolvectl revert six0\n");
  EXPECT_EQ(sixpn("uninstall").out, "nothing was installed\n");
}

TEST_F(DnsInstall, AResolvedThatRefusesLeavesNothingBehind) {
  start_resolved();
  write(folder() / "fail", "");
  auto before = etc_as_it_is();
  auto refused = sixpn("install");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("`resolvectl dns six0 " + std::string(kServer) + "` failed"),
            std::string::npos)
      << refused.err;
  EXPECT_EQ(etc_as_it_is(), before);
}

TEST_F(DnsInstall, ResolvConfIsWrittenOnlyWhenAsked) {
  auto before = etc_as_it_is();
  auto refused = sixpn("install");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("--resolv-conf"), std::string::npos) << refused.err;
  EXPECT_EQ(etc_as_it_is(), before);

  struct stat original {};
  ASSERT_EQ(stat((etc() / "resolv.conf").c_str(), &original), 0);
  ASSERT_EQ(sixpn("install --resolv-conf").exit_code, 0);
  auto written = read(etc() / "resolv.conf");
  EXPECT_TRUE(written.ends_with("\nnameserver " + std::string(kServer) + "\n" + kUsual)) << written;
  auto installed = etc_as_it_is();
  auto again = sixpn("install --resolv-conf");
  EXPECT_EQ(again.out, "/etc/resolv.conf asks sixpn already\n");
  EXPECT_EQ(etc_as_it_is(), installed);

  ASSERT_EQ(sixpn("uninstall").exit_code, 0);
  EXPECT_EQ(etc_as_it_is(), before);
  struct stat restored {};
  ASSERT_EQ(stat((etc() / "resolv.conf").c_str(), &restored), 0);
  EXPECT_EQ(restored.st_ino, original.st_ino);  // the very file
  EXPECT_EQ(restored.st_mtim.tv_nsec, original.st_mtim.tv_nsec);
  EXPECT_EQ(sixpn("uninstall").out, "nothing was installed\n");
}

TEST_F(DnsInstall, ALinkComesBackAsALink) {
  fs::create_directories(etc() / "resolvconf");
  fs::rename(etc() / "resolv.conf", etc() / "resolvconf/resolv.conf");
  fs::create_symlink("resolvconf/resolv.conf", etc() / "resolv.conf");
  auto before = etc_as_it_is();
  ASSERT_EQ(sixpn("install --resolv-conf").exit_code, 0);
  EXPECT_FALSE(fs::is_symlink(etc() / "resolv.conf"));
  EXPECT_EQ(read(etc() / "resolvconf/resolv.conf"), kUsual);
  ASSERT_EQ(sixpn("uninstall").exit_code, 0);
  EXPECT_EQ(etc_as_it_is(), before);
}

TEST_F(DnsInstall, WhatOthersWroteSinceStays) {
  ASSERT_EQ(sixpn("install --resolv-conf").exit_code, 0);
  write(etc() / "resolv.conf", "nameserver 203.0.113.9\n");
  auto now = etc_as_it_is();
  for (const char* words : {"uninstall", "install --resolv-conf"}) {
    auto refused = sixpn(words);
    EXPECT_EQ(refused.exit_code, 1) << words;
    EXPECT_NE(refused.err.find("/etc/resolv.conf.before-sixpn"), std::string::npos) << refused.err;
    EXPECT_EQ(etc_as_it_is(), now);
  }
}

TEST_F(DnsInstall, AHostWithoutANetworkIsToldWhatToDo) {
  start_resolved();
  shows("");
  auto refused = sixpn("install");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("host_network = \"organisation/network\""), std::string::npos)
      << refused.err;
  EXPECT_FALSE(fs::exists(told()));
}

}  // namespace
}  // namespace sixpn::cli
