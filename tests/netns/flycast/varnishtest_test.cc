// Scripts of connection and message behaviour in the language of varnishtest, one file each in
// vtc/: a scripted client dials Flycast, a scripted server answers. Both are inside machine 1,
// since one program plays them.
#include "tests/netns/flycast/http_clients.h"

namespace sixpn::flycast {
namespace {

TEST_F(HttpClients, VarnishtestScripts) {
  start_only(cluster, {1});
  RunningHost host1(1, cluster);
  const std::string flycast = "flycast=[" + to_string(kFlycast) + "]:80";
  const std::string machine = "machine=[" + to_string(lab.address(1)) + "]:8080";
  int scripts = 0;
  for (const auto& script : std::filesystem::directory_iterator("tests/netns/flycast/vtc")) {
    Finished done = sixpn::testing::run(
        inside(1, {"varnishtest", "-t", "60", "-D", flycast, "-D", machine, script.path()}));
    EXPECT_EQ(done.status, 0) << script.path() << ": " << done.out << done.err;
    ++scripts;
  }
  EXPECT_GE(scripts, 9);
}

}  // namespace
}  // namespace sixpn::flycast
