#include "flycast/core/http_replay.h"

#include <gtest/gtest.h>

#include "tests/unit/edit_app.h"
#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

using std::chrono::seconds;

constexpr MachineId kSender{0x148e21dad76789};
constexpr MachineId kTarget{0x90801679a10038};

Now at(int second) {
  return {Instant(seconds(1000 + second)), from_unix_ms(1469918176385)};
}

ResponseHead response(HeaderList fields) {
  ResponseHead head;
  head.status = 409;
  head.fields = std::move(fields);
  return head;
}

// App web of acme in kNetwork, which is dialled, and worker beside it.
struct Scene {
  Snapshot snapshot;
  ReplayReach reach;
  ReplayCache cache{ReplayCache::Limits{}};
  std::vector<ReplayCacheRule> rules;
  RequestHead request;

  Scene() {
    auto view = std::make_shared<NetworkView>();
    for (const char* app : {"web", "worker"})
      edit_app(*view, app).app = {app, "acme", kNetwork, "iad", {}};
    snapshot.networks[kNetwork] = view;
    request.method = "GET";
    request.target = "/a/b?c";
    request.host = "web.flycast";
    request.fields = {{"cookie", "s=1"}};
  }

  HttpReplay begin(int second = 0) {
    return HttpReplay({kNetwork, "web"}, rules, request, cache, at(second).mono);
  }
  // A whole instruction of kSender.
  std::optional<HttpReplay::Failure> follow(HttpReplay& replay, const HeaderList& fields,
                                            std::string_view body = "", bool kept = true) {
    EXPECT_TRUE(replay.takes(response(fields)));
    EXPECT_TRUE(replay.on_piece(body));
    return replay.on_end(kSender, "iad", kept, request, {&snapshot, reach, cache}, at(0));
  }
};

TEST(HttpReplay, LeavesOrdinaryResponsesAlone) {
  Scene scene;
  HttpReplay replay = scene.begin();
  RequestHead before = scene.request;
  replay.address(scene.request, kTarget);
  EXPECT_EQ(scene.request, before);
  EXPECT_FALSE(replay.takes(response({{"content-type", "application/json"}})));
  EXPECT_FALSE(replay.is_taking());
  EXPECT_TRUE(replay.is_plain());
  EXPECT_FALSE(replay.on_no_machine(true, scene.request, scene.cache, at(0)));
}

TEST(HttpReplay, FollowsBothForms) {
  const HeaderList json{{"content-type", "application/vnd.fly.replay+json"}};
  struct Case {
    HeaderList fields;
    const char* body;
  };
  for (const Case& test :
       {Case{{{"fly-replay", "app=worker"}}, "ignored"}, Case{json, R"({"app":"worker"})"}}) {
    Scene scene;
    HttpReplay replay = scene.begin();
    EXPECT_FALSE(scene.follow(replay, test.fields, test.body));
    EXPECT_FALSE(replay.is_taking());
    EXPECT_FALSE(replay.is_plain());
    EXPECT_EQ(replay.wish().app, (AppName{kNetwork, "worker"}));
    replay.address(scene.request, kTarget);
    EXPECT_TRUE(scene.request.fields.contains("fly-replay-src"));
  }
}

TEST(HttpReplay, TellsWhatIsWrong) {
  struct Case {
    const char* header;
    bool kept;
    ErrorCode code;
    const char* why;
  };
  const Case cases[] = {
      {"regoin=iad", true, ErrorCode::kPA03, "no field of fly-replay"},
      {"app=nobody", true, ErrorCode::kPA04, "app nobody"},
      {"app=worker", false, ErrorCode::kPA01, "app worker"},
  };
  for (const Case& test : cases) {
    Scene scene;
    HttpReplay replay = scene.begin();
    auto failure = scene.follow(replay, {{"fly-replay", test.header}}, "", test.kept);
    ASSERT_TRUE(failure) << test.header;
    EXPECT_EQ(failure->code, test.code) << test.header;
    EXPECT_NE(failure->why.find(test.why), std::string::npos) << failure->why;
  }
}

TEST(HttpReplay, DoesNotReadForEver) {
  Scene scene;
  HttpReplay replay = scene.begin();
  EXPECT_TRUE(replay.takes(response({{"content-type", "application/vnd.fly.replay+json"}})));
  const std::string chunk(16 * 1024, ' ');
  int taken = 0;
  while (replay.on_piece(chunk) && taken < 100) ++taken;
  EXPECT_EQ(taken, 4);
  auto failure = replay.on_end(kSender, "iad", true, scene.request,
                               {&scene.snapshot, scene.reach, scene.cache}, at(0));
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, ErrorCode::kPA03);
}

TEST(HttpReplay, EachStepBeginsWithTheClientsRequest) {
  Scene scene;
  HttpReplay replay = scene.begin();
  const RequestHead said = scene.request;
  EXPECT_FALSE(scene.follow(replay, {{"content-type", "application/vnd.fly.replay+json"}},
                            R"({"app":"worker","transform":{"path":"/x",
                                "set_headers":[{"name":"host","value":"h"},{"name":"cookie","value":"x"}]}})"));
  replay.address(scene.request, kTarget);
  EXPECT_EQ(scene.request.target, "/x");
  EXPECT_EQ(scene.request.host, "h");
  EXPECT_EQ(scene.request.fields.find("cookie"), "x");
  EXPECT_FALSE(scene.follow(replay, {{"fly-replay", "app=web"}}));
  replay.address(scene.request, kSender);
  EXPECT_EQ(scene.request.target, said.target);
  EXPECT_EQ(scene.request.host, said.host);
  EXPECT_EQ(scene.request.fields.find("cookie"), "s=1");
}

TEST(HttpReplay, CachesForThoseWhoComeLater) {
  Scene scene;
  scene.rules = {{"/", seconds(60), false, "s", false}};
  HttpReplay first = scene.begin();
  EXPECT_FALSE(scene.follow(first, {{"fly-replay", "app=worker"}}));
  HttpReplay second = scene.begin(1);
  EXPECT_EQ(second.wish().app, (AppName{kNetwork, "worker"}));
  RequestHead sent = scene.request;
  second.address(sent, kTarget);
  EXPECT_EQ(sent.fields.find("fly-replay-cache-status"), "hit");
  // What the target orders is not kept for those who dial web.
  EXPECT_FALSE(scene.follow(second, {{"fly-replay", "app=worker;region=ams"}}));
  EXPECT_TRUE(scene.begin(2).wish().regions.empty());
  // It can have it forgotten.
  HttpReplay third = scene.begin(3);
  EXPECT_FALSE(
      scene.follow(third, {{"fly-replay", "app=web"}, {"fly-replay-cache", "invalidate"}}));
  EXPECT_TRUE(scene.begin(4).is_plain());
}

TEST(HttpReplay, ACachedTargetThatIsGoneIsForgotten) {
  Scene scene;
  EXPECT_TRUE(scene.cache
                  .keep({{kNetwork, "web"}, "web.flycast", "/a/b", scene.request.fields, {}},
                        {.cache = {"", "/a", seconds(60), false, false}},
                        {.app = AppName{kNetwork, "worker"}}, at(0).mono)
                  .empty());
  HttpReplay replay = scene.begin();
  EXPECT_FALSE(replay.is_plain());
  EXPECT_TRUE(replay.on_no_machine(false, scene.request, scene.cache, at(0)));
  EXPECT_TRUE(replay.wish().is_plain());
  EXPECT_TRUE(scene.begin().is_plain());
}

TEST(HttpReplay, FallsBackWithAReason) {
  struct Case {
    const char* header;
    bool had_candidates;
    int second;
    const char* reason;
  };
  const Case cases[] = {
      {"app=worker;fallback=force_self", false, 0, ";reason=no_candidate;"},
      {"app=worker;fallback=prefer_self", true, 0, ";reason=retries_exhausted;"},
      {"app=worker;timeout=2s;fallback=prefer_self", true, 2, ";reason=timeout;"},
  };
  for (const Case& test : cases) {
    Scene scene;
    HttpReplay replay = scene.begin();
    EXPECT_FALSE(scene.follow(replay, {{"fly-replay", test.header}}));
    EXPECT_TRUE(
        replay.on_no_machine(test.had_candidates, scene.request, scene.cache, at(test.second)));
    replay.address(scene.request, kSender);
    auto failed = scene.request.fields.find("fly-replay-failed");
    ASSERT_TRUE(failed);
    EXPECT_NE(failed->find(test.reason), std::string_view::npos) << *failed;
  }
}

}  // namespace
}  // namespace sixpn::flycast
