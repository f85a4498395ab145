#include "flycast/core/replay_course.h"

#include <gtest/gtest.h>

#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MachineId kSender{0x148e21dad76789};
constexpr MachineId kTarget{0x90801679a10038};
const AppName kApp{kNetwork, "web"};
const AppName kWorker{kNetwork, "worker"};
const Answerer kFrom{kApp, kSender, "iad"};

Now at(Duration after) {
  return {Instant(seconds(100)) + after, from_unix_ms(1469918176385)};
}

ReplayInstruction instruction(std::string_view header) {
  auto parsed = parse_replay_header(header);
  EXPECT_TRUE(parsed) << header;
  return *parsed;
}

// What the machine gets of a request that said nothing.
RequestHead request_for(const ReplayCourse& course, MachineId machine) {
  RequestHead head;
  head.method = "GET";
  head.target = "/a?b";
  head.host = "web.flycast";
  head.fields = {{"cookie", "a=b"}};
  course.apply(head, machine);
  return head;
}

TEST(ReplayCourse, WithoutAReplayChangesNothing) {
  ReplayCourse course({});
  RequestHead head = request_for(course, kTarget);
  EXPECT_EQ(head.fields, (HeaderList{{"cookie", "a=b"}}));
  EXPECT_EQ(head.target, "/a?b");
  EXPECT_TRUE(course.wish().is_plain());
  EXPECT_FALSE(course.fall_back(ReplayFailure::kNoCandidate, at({})));
}

TEST(ReplayCourse, GoesWhereTheInstructionSays) {
  ReplayCourse course({});
  auto error = course.replay(instruction("region=\"ams,any\";app=worker;state=s;elsewhere=true"),
                             kFrom, kWorker, true, at({}));
  EXPECT_FALSE(error);
  EXPECT_EQ(course.wish().app, kWorker);
  EXPECT_EQ(course.wish().regions, (std::vector<std::string>{"ams", "any"}));
  EXPECT_TRUE(course.wish().only_regions);
  EXPECT_EQ(course.wish().not_these, (std::vector<MachineId>{kSender}));
  EXPECT_FALSE(course.deadline());
  EXPECT_EQ(request_for(course, kTarget).fields,
            (HeaderList{
                {"cookie", "a=b"},
                {"fly-replay-src", "instance=148e21dad76789;region=iad;t=1469918176385000;state=s"},
                {"fly-replay-cache-status", "miss"}}));
}

TEST(ReplayCourse, SaysWhichMachineWasPreferredInVain) {
  ReplayCourse course({});
  EXPECT_FALSE(
      course.replay(instruction("prefer_instance=90801679a10038"), kFrom, kApp, true, at({})));
  EXPECT_FALSE(request_for(course, kTarget).fields.contains("fly-preferred-instance-unavailable"));
  EXPECT_EQ(request_for(course, kSender).fields.find("fly-preferred-instance-unavailable"),
            "90801679a10038");
}

TEST(ReplayCourse, TransformsTheClientsOwnRequestEachTime) {
  ReplayCourse course({});
  auto first = parse_replay_json(R"({"app":"worker","transform":{"path":"/x?y",
    "delete_headers":["Cookie"],"set_headers":[{"name":"Host","value":"b.example"},
    {"name":"x-a","value":"1"}]}})");
  ASSERT_TRUE(first);
  EXPECT_FALSE(course.replay(*first, kFrom, kWorker, true, at({})));
  RequestHead head = request_for(course, kTarget);
  EXPECT_EQ(head.target, "/x?y");
  EXPECT_EQ(head.host, "b.example");
  EXPECT_FALSE(head.fields.contains("cookie"));
  EXPECT_EQ(head.fields.find("X-A"), "1");
  // The next one says nothing of it.
  EXPECT_FALSE(
      course.replay(instruction("app=web"), {kWorker, kTarget, "ams"}, kApp, true, at({})));
  head = request_for(course, kSender);
  EXPECT_EQ(head.target, "/a?b");
  EXPECT_EQ(head.fields.find("cookie"), "a=b");
  EXPECT_FALSE(head.fields.contains("x-a"));
}

TEST(ReplayCourse, EndsAfterTen) {
  ReplayCourse course({});
  for (int i = 0; i < kMaxReplays; ++i)
    EXPECT_FALSE(course.replay(instruction("elsewhere=true"), kFrom, kApp, true, at({}))) << i;
  EXPECT_EQ(course.replay(instruction("elsewhere=true"), kFrom, kApp, true, at({})),
            ErrorCode::kPA02);
  EXPECT_EQ(course.replays(), kMaxReplays);
}

TEST(ReplayCourse, NeedsTheWholeRequestAndAnAppItMayReach) {
  ReplayCourse course({});
  EXPECT_EQ(course.replay(instruction("app=worker"), kFrom, kWorker, false, at({})),
            ErrorCode::kPA01);
  for (ErrorCode code : {ErrorCode::kPA04, ErrorCode::kPA05})
    EXPECT_EQ(course.replay(instruction("app=worker"), kFrom, code, true, at({})), code);
  EXPECT_EQ(course.replays(), 0);
  EXPECT_TRUE(course.wish().is_plain());
}

TEST(ReplayCourse, FallsBackOnce) {
  struct Case {
    const char* header;
    bool only;
    const char* failed;
  };
  const Case cases[] = {
      {"app=worker;region=\"ams,fra\";timeout=2s;fallback=force_self", true,
       "instance=;app=worker;region=ams,fra;replay_source=148e21dad76789;reason=timeout;"
       "elapsed_ms=2001"},
      {"instance=90801679a10038;app=worker;fallback=prefer_self", false,
       "instance=90801679a10038;app=worker;region=;replay_source=148e21dad76789;reason=timeout;"
       "elapsed_ms=2001"},
  };
  for (const Case& test : cases) {
    ReplayCourse course({});
    EXPECT_FALSE(course.replay(instruction(test.header), kFrom, kWorker, true, at({})));
    EXPECT_EQ(course.deadline().has_value(), test.only);
    ASSERT_TRUE(course.fall_back(ReplayFailure::kTimeout, at(milliseconds(2001))));
    EXPECT_TRUE(course.is_fallback());
    EXPECT_FALSE(course.deadline());
    EXPECT_EQ(course.wish().app, kApp);
    EXPECT_EQ(course.wish().machine, to_string(kSender));
    EXPECT_EQ(course.wish().only_machine, test.only);
    RequestHead head = request_for(course, kSender);
    EXPECT_EQ(head.fields.find("fly-replay-failed"), test.failed);
    EXPECT_FALSE(head.fields.contains("fly-replay-src"));
    // No way further.
    EXPECT_EQ(course.replay(instruction("app=web"), kFrom, kApp, true, at({})), ErrorCode::kPA02);
    EXPECT_FALSE(course.fall_back(ReplayFailure::kNoCandidate, at({})));
  }
}

TEST(ReplayCourse, HasNoFallbackUnlessAsked) {
  ReplayCourse course({});
  EXPECT_FALSE(course.replay(instruction("app=worker;timeout=1s"), kFrom, kWorker, true, at({})));
  EXPECT_EQ(course.deadline(), at(seconds(1)).mono);
  EXPECT_FALSE(course.fall_back(ReplayFailure::kTimeout, at(seconds(1))));
  EXPECT_EQ(to_string(ReplayFailure::kNoCandidate), "no_candidate");
  EXPECT_EQ(to_string(ReplayFailure::kRetriesExhausted), "retries_exhausted");
}

TEST(ReplayCourse, ACachedStepTellsNoSource) {
  RoutingWish own;
  own.regions = {"ams"};
  ReplayCourse course(own);
  RoutingWish cached;
  cached.app = kWorker;
  course.take_cached(cached);
  EXPECT_EQ(course.wish(), cached);
  EXPECT_EQ(request_for(course, kTarget).fields,
            (HeaderList{{"cookie", "a=b"}, {"fly-replay-cache-status", "hit"}}));
  // Nobody there: the app itself is asked, as the client wished.
  EXPECT_TRUE(course.leave_cached());
  EXPECT_EQ(course.wish(), own);
  EXPECT_FALSE(course.leave_cached());
  EXPECT_EQ(request_for(course, kTarget).fields, (HeaderList{{"cookie", "a=b"}}));
}

TEST(ReplayCourse, TellsThatACacheWasPassedBy) {
  ReplayCourse course({});
  course.bypass_cache();
  EXPECT_FALSE(request_for(course, kSender).fields.contains("fly-replay-cache-status"));
  EXPECT_FALSE(course.replay(instruction("app=worker"), kFrom, kWorker, true, at({})));
  EXPECT_EQ(request_for(course, kTarget).fields.find("fly-replay-cache-status"), "bypass");
}

}  // namespace
}  // namespace sixpn::flycast
