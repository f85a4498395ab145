#include "flycast/core/replay_instruction.h"

#include <gtest/gtest.h>

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

ReplayInstruction of(auto change) {
  ReplayInstruction instruction;
  change(instruction);
  return instruction;
}

// Every form that Fly's documentation and guides show.
TEST(ReplayHeader, DocumentedForms) {
  struct Case {
    const char* value;
    ReplayInstruction expected;
  };
  const Case cases[] = {
      {"region=sjc", of([](auto& i) { i.regions = {"sjc"}; })},
      {"region=\"iad,ord,us,na\"", of([](auto& i) {
         i.regions = {"iad", "ord", "us", "na"};
       })},
      {"region=\"sjc,any\"", of([](auto& i) {
         i.regions = {"sjc", "any"};
       })},
      {"region=usa", of([](auto& i) { i.regions = {"usa"}; })},
      {"instance=00bb33ff", of([](auto& i) { i.instance = "00bb33ff"; })},
      {"instance=148e21dad76789", of([](auto& i) { i.instance = "148e21dad76789"; })},
      {"prefer_instance=148e21dad76789", of([](auto& i) { i.prefer_instance = "148e21dad76789"; })},
      {"app=app-in-same-org", of([](auto& i) { i.app = "app-in-same-org"; })},
      {"elsewhere=true", of([](auto& i) { i.elsewhere = true; })},
      {"region=\"sjc,any\";app=target-app", of([](auto& i) {
         i.regions = {"sjc", "any"};
         i.app = "target-app";
       })},
      {"app=my-worker;timeout=10s;fallback=force_self", of([](auto& i) {
         i.app = "my-worker";
         i.timeout = seconds(10);
         i.fallback = ReplayFallback::kForceSelf;
       })},
      {"instance=148e21dad76789;timeout=800ms;fallback=prefer_self", of([](auto& i) {
         i.instance = "148e21dad76789";
         i.timeout = milliseconds(800);
         i.fallback = ReplayFallback::kPreferSelf;
       })},
      {"region=ams;state=captured_write", of([](auto& i) {
         i.regions = {"ams"};
         i.state = "captured_write";
       })},
      {"elsewhere=true;state=abc=def==", of([](auto& i) {
         i.elsewhere = true;
         i.state = "abc=def==";
       })},
      // As written by hand.
      {" region = sjc ; app = b ; ", of([](auto& i) {
         i.regions = {"sjc"};
         i.app = "b";
       })},
      {"Region=sjc;;APP=b", of([](auto& i) {
         i.regions = {"sjc"};
         i.app = "b";
       })},
      {"app=b,instance=148e21dad76789", of([](auto& i) {
         i.app = "b";
         i.instance = "148e21dad76789";
       })},
      {"region=\"iad, ord\", app=b", of([](auto& i) {
         i.regions = {"iad", "ord"};
         i.app = "b";
       })},
      {"elsewhere=true,state=a,b,c", of([](auto& i) {
         i.elsewhere = true;
         i.state = "a,b,c";
       })},
      {"elsewhere=true;state=a,app=b", of([](auto& i) {
         i.elsewhere = true;
         i.state = "a,app=b";
       })},
      {"elsewhere=true;state=\"a;b\\\"c\\\\\"", of([](auto& i) {
         i.elsewhere = true;
         i.state = "a;b\"c\\";
       })},
      {"elsewhere=true;state=\"\"", of([](auto& i) { i.elsewhere = true; })},
  };
  for (const Case& test : cases) {
    auto parsed = parse_replay_header(test.value);
    ASSERT_TRUE(parsed) << test.value << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, test.expected) << test.value;
  }
}

TEST(ReplayHeader, RefusesInWords) {
  struct Case {
    std::string value;
    const char* expected;
  };
  const Case cases[] = {
      {"", "names neither app"},
      {";", "names neither app"},
      {"state=x", "names neither app"},
      {"elsewhere=false", "names neither app"},
      {"region", "expected name=value"},
      {"region=", "neither three letters"},
      {"=sjc", "is no field"},
      {"regoin=sjc", "'regoin' is no field"},
      {"region=sjc;region=ams", "region is there twice"},
      {"region=iad,ord", "must be quoted"},
      {"region=\"iad,ord", "not closed"},
      {"region=\"iad,ord\\", "not closed"},
      {"region=\"iad,\"", "neither three letters"},
      {"region=\"iad\"x", "after the closing quote"},
      {"region=\"iad\",x", "after the closing quote"},
      {"region=ia\"d\"", "a quote in the middle"},
      {"region=IAD", "neither three letters"},
      {"region=europe", "neither three letters"},
      {"instance=", "no machine's id"},
      {"instance=a b", "no machine's id"},
      {"instance=" + std::string(65, 'a'), "no machine's id"},
      {"instance=a;prefer_instance=b", "exclude each other"},
      {"app=", "no app's name"},
      {"app=Not_A_Name", "no app's name"},
      {"elsewhere=yes;app=b", "expected true or false"},
      {"app=b;timeout=10", "expected a duration"},
      {"app=b;timeout=-1s", "expected a duration"},
      {"app=b;timeout=0s", "expected a duration"},
      {"app=b;timeout=11m", "at most 10m"},
      {"app=b;fallback=self", "force_self or prefer_self"},
      {"app=b;state=\"a\tb\x01\"", "cannot stand in a header"},
      {"app=b;state=" + std::string(kMaxReplayState + 1, 'x'), "more than 2048 bytes"},
      {"app=b;state=" + std::string(kMaxReplayHeader, 'x'), "more than 4096 bytes"},
  };
  for (const Case& test : cases) {
    auto parsed = parse_replay_header(test.value);
    ASSERT_FALSE(parsed) << test.value;
    EXPECT_NE(parsed.error().message.find(test.expected), std::string::npos)
        << test.value << ": " << parsed.error().message;
  }
}

TEST(ReplayHeader, RegionsAreBounded) {
  std::string list = "iad";
  for (int i = 1; i < 32; ++i) list += ",iad";
  EXPECT_TRUE(parse_replay_header("region=\"" + list + "\""));
  EXPECT_FALSE(parse_replay_header("region=\"" + list + ",iad\""));
}

TEST(ReplayCacheHeaders, DocumentedForms) {
  auto cache = parse_replay_cache({{"fly-replay-cache", "/some/path/*"},
                                   {"fly-replay-cache-ttl-secs", "60"},
                                   {"fly-replay-cache-allow-bypass", "yes"}});
  ASSERT_TRUE(cache);
  EXPECT_EQ(*cache, (ReplayCacheOrder{"", "/some/path", seconds(60), false, true}));
  cache = parse_replay_cache(
      {{"Fly-Replay-Cache", "Example.com/some/path"}, {"Fly-Replay-Cache-TTL-Secs", "10"}});
  ASSERT_TRUE(cache);
  EXPECT_EQ(*cache, (ReplayCacheOrder{"example.com", "/some/path", seconds(10), false, false}));
  cache = parse_replay_cache({{"fly-replay-cache", "invalidate"}});
  ASSERT_TRUE(cache);
  EXPECT_EQ(*cache, (ReplayCacheOrder{.invalidate = true}));
  cache = parse_replay_cache({{"fly-replay-cache", "/"}, {"fly-replay-cache-ttl-secs", "999999"}});
  ASSERT_TRUE(cache);
  EXPECT_EQ(cache->prefix, "");
  EXPECT_EQ(cache->ttl, kMaxReplayCacheTtl);
  cache = parse_replay_cache({{"x", "y"}});
  ASSERT_TRUE(cache);
  EXPECT_EQ(*cache, ReplayCacheOrder{});
}

TEST(ReplayCacheHeaders, Refuses) {
  struct Case {
    const char* pattern;
    const char* ttl;
    const char* expected;
  };
  const Case cases[] = {
      {"/a/*", "9", "9 s is less than 10 s"}, {"/a/*", "-5", "less than"},
      {"/a/*", "", "expected a number"},      {"/a/*", "1m", "expected a number"},
      {"a", "60", "cache pattern"},           {"", "60", "cache pattern"},
      {"/a/*/b", "60", "cache pattern"},      {"example.com:80/a", "60", "cache pattern"},
      {"/a?b=c", "60", "cache pattern"},      {"/a b", "60", "cache pattern"},
  };
  for (const Case& test : cases) {
    auto cache = parse_replay_cache(
        {{"fly-replay-cache", test.pattern}, {"fly-replay-cache-ttl-secs", test.ttl}});
    ASSERT_FALSE(cache) << test.pattern;
    EXPECT_NE(cache.error().message.find(test.expected), std::string::npos)
        << cache.error().message;
  }
  EXPECT_FALSE(parse_replay_cache({{"fly-replay-cache", "/a"}}));
}

TEST(ReplayJson, DocumentedForms) {
  auto parsed = parse_replay_json(R"({
    "app": "target-app",
    "region": "iad,us",
    "transform": {
      "path": "/new/path?param=value",
      "delete_headers": ["x-unwanted-header", "cookie"],
      "set_headers": [
        { "name": "x-custom-header", "value": "new-value" },
        { "name": "authorization", "value": "Bearer token123" }
      ]
    }
  })");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, of([](auto& i) {
    i.app = "target-app";
    i.regions = {"iad", "us"};
    i.transform = {"/new/path?param=value",
                   {"x-unwanted-header", "cookie"},
                   {{"x-custom-header", "new-value"}, {"authorization", "Bearer token123"}}};
  }));
  parsed = parse_replay_json(R"({"app": "my-worker", "timeout": "10s", "fallback": "force_self"})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, *parse_replay_header("app=my-worker;timeout=10s;fallback=force_self"));
  parsed =
      parse_replay_json(R"({"app": "target-app", "cache": {"prefix": "/some/path/*", "ttl": 60}})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->cache, (ReplayCacheOrder{"", "/some/path", seconds(60), false, false}));
  parsed = parse_replay_json(R"({"app": "origin-app", "cache": {"invalidate": true}})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->cache, (ReplayCacheOrder{.invalidate = true}));
  for (const char* bypass :
       {R"({"app":"a","allow_bypass":true,"cache":{"prefix":"/","ttl":10}})",
        R"({"app":"a","cache":{"prefix":"/","ttl":10,"allow_bypass":true}})"}) {
    parsed = parse_replay_json(bypass);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_TRUE(parsed->cache.allow_bypass);
  }
  parsed = parse_replay_json(R"({"instance":"148e21dad76789","state":"a;b","elsewhere":true})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->state, "a;b");
  EXPECT_TRUE(parsed->elsewhere);
}

TEST(ReplayJson, RefusesInWords) {
  struct Case {
    std::string body;
    const char* expected;
  };
  const Case cases[] = {
      {"", "no JSON"},
      {"{", "no JSON"},
      {"{} x", "no JSON"},
      {"[]", "expected an object"},
      {"{}", "names neither app"},
      {R"({"app": 5})", "app: expected a string"},
      {R"({"App": "a"})", "'App' is no member"},
      {R"({"app": "a", "region": ["iad"]})", "region: expected a string"},
      {R"({"app": "a", "elsewhere": "true"})", "expected true or false"},
      {R"({"app": "a", "state": "x\ny"})", "cannot stand in a header"},
      {R"({"app": "a", "transform": []})", "transform: expected an object"},
      {R"({"app": "a", "transform": {"paht": "/"}})", "'paht' is no member"},
      {R"({"app": "a", "transform": {"path": "no-slash"}})", "path: expected a path"},
      {R"({"app": "a", "transform": {"path": "/a b"}})", "path: expected a path"},
      {R"({"app": "a", "transform": {"path": "/a\r\nX: y"}})", "path: expected a path"},
      {R"({"app": "a", "transform": {"delete_headers": ["content-length"]}})", "cannot be deleted"},
      {R"({"app": "a", "transform": {"delete_headers": ["host"]}})", "cannot be deleted"},
      {R"({"app": "a", "transform": {"delete_headers": ["fly-client-ip"]}})", "cannot be deleted"},
      {R"({"app": "a", "transform": {"delete_headers": "cookie"}})", "expected a list"},
      {R"({"app": "a", "transform": {"set_headers": [{"name": "x"}, 5]}})", "expected an object"},
      {R"({"app": "a", "transform": {"set_headers": [{"value": "x"}]}})", "cannot be set"},
      {R"({"app": "a", "transform": {"set_headers": [{"name": "transfer-encoding"}]}})",
       "cannot be set"},
      {R"({"app": "a", "transform": {"set_headers": [{"name": "Fly_Client_IP"}]}})",
       "cannot be set"},
      {R"({"app": "a", "transform": {"set_headers": [{"name": "x", "value": "a\r\nb"}]}})",
       "cannot stand in a header"},
      {R"({"app": "a", "transform": {"set_headers": [{"name": "host", "value": "a b"}]}})",
       "cannot stand in a header"},
      {R"({"app": "a", "cache": {"prefix": "/a"}})", "prefix and ttl go together"},
      {R"({"app": "a", "cache": {"ttl": 60}})", "prefix and ttl go together"},
      {R"({"app": "a", "cache": {"prefix": "/a", "ttl": 9}})", "9 s is less than 10 s"},
      {R"({"app": "a", "cache": {"prefix": "/a", "ttl": "60"}})", "expected a number"},
      {R"({"app": "a", "cache": {"prefix": "/a", "ttl": 60, "invalidate": true}})",
       "exclude each other"},
      {R"({"app": {"app": {"app": {"app": {"app": 1}}}}})", "no JSON"},
      {"{\"app\": \"a\"" + std::string(kMaxReplayBody, ' ') + "}", "more than 65536 bytes"},
  };
  for (const Case& test : cases) {
    auto parsed = parse_replay_json(test.body);
    ASSERT_FALSE(parsed) << test.body.substr(0, 100);
    EXPECT_NE(parsed.error().message.find(test.expected), std::string::npos)
        << test.body.substr(0, 100) << ": " << parsed.error().message;
  }
}

TEST(ReplayJson, ListsAreBounded) {
  auto with_deletions = [](std::size_t count) {
    std::string list;
    for (std::size_t i = 0; i < count; ++i) list += (i == 0 ? "\"x\"" : ",\"x\"");
    return R"({"app":"a","transform":{"delete_headers":[)" + list + "]}}";
  };
  EXPECT_TRUE(parse_replay_json(with_deletions(kMaxTransformedHeaders)));
  EXPECT_FALSE(parse_replay_json(with_deletions(kMaxTransformedHeaders + 1)));
}

TEST(ReplayJson, ATransformIsBounded) {
  auto with_path = [](std::size_t size) {
    return R"({"transform":{"path":"/)" + std::string(size - 1, 'x') + "\"}}";
  };
  EXPECT_TRUE(parse_replay_json(with_path(kMaxTransformedBytes)));
  EXPECT_FALSE(parse_replay_json(with_path(kMaxTransformedBytes + 1)));
}

TEST(ReplayForm, OfAResponse) {
  EXPECT_EQ(replay_form({{"content-type", "text/html"}}), ReplayForm::kNone);
  EXPECT_EQ(replay_form({{"Fly-Replay", "region=iad"}}), ReplayForm::kHeader);
  for (const char* type :
       {"application/vnd.fly.replay+json", "Application/Vnd.Fly.Replay+JSON ; charset=utf-8"})
    EXPECT_EQ(replay_form({{"Content-Type", type}}), ReplayForm::kJson) << type;
  EXPECT_EQ(replay_form({{"content-type", "application/vnd.fly.replay+jsonx"}}), ReplayForm::kNone);
  const HeaderList both{{"content-type", "application/vnd.fly.replay+json"},
                        {"fly-replay", "app=b"}};
  EXPECT_EQ(replay_form(both), ReplayForm::kHeader);
}

TEST(ReplayForm, HeaderAndCacheTogether) {
  const HeaderList response{
      {"fly-replay", "app=b"}, {"fly-replay-cache", "/a/*"}, {"fly-replay-cache-ttl-secs", "60"}};
  auto parsed = parse_replay(response, replay_form(response), "");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->app, "b");
  EXPECT_EQ(parsed->cache.prefix, "/a");
  EXPECT_FALSE(
      parse_replay({{"fly-replay", "app=b"}, {"fly-replay", "app=c"}}, ReplayForm::kHeader, ""));
}

TEST(Uncachable, ForStateTransformTimeoutAndFallback) {
  EXPECT_EQ(uncachable(*parse_replay_header("app=b;region=iad;elsewhere=true")), "");
  for (const char* value : {"app=b;state=x", "app=b;timeout=1s", "app=b;fallback=force_self"})
    EXPECT_NE(uncachable(*parse_replay_header(value)), "") << value;
  EXPECT_NE(uncachable(*parse_replay_json(R"({"app":"b","transform":{"path":"/"}})")), "");
}

}  // namespace
}  // namespace sixpn::flycast
