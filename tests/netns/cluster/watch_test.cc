// Watching and querying the registry of a real agent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <csignal>
#include <sstream>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Watch, ChangesOfOtherHostsAreToldAsTheyCome) {
  Cluster cluster("watch");
  cluster.add_host("a", "iad");
  cluster.add_host("b", "fra");
  ASSERT_NO_FATAL_FAILURE(cluster.form());
  std::string log = cluster.host("a").folder + "/watch.log";
  Process watch({SIXPN_CLI, "--socket", cluster.host("a").socket(), "registry", "watch"}, log);
  auto told = [&](const std::string& text) {
    return eventually([&] { return read_file(log).find(text) != std::string::npos; });
  };
  auto told_one_of = [&](const char* one, const char* other) {
    return eventually([&] {
      const std::string text = read_file(log);
      return text.find(one) != std::string::npos || text.find(other) != std::string::npos;
    });
  };
  ASSERT_TRUE(told("  b fra alive"));

  cluster.must("b", {"apps", "create", "web", "--org", "acme"});
  std::string id = cluster.run_machine("b", {"--app", "web", "--", "sleep", "1000"});
  EXPECT_TRUE(told("+ machine/")) << read_file(log);
  EXPECT_TRUE(told("/" + id)) << read_file(log);
  EXPECT_TRUE(told_one_of("-> started", "web fra started")) << read_file(log);
  cluster.must("b", {"machine", "stop", id});
  EXPECT_TRUE(told("-> stopped")) << read_file(log);

  // What is on disk, with the agent and without it.
  Words query = {"registry", "sql", "SELECT state FROM machines WHERE id = '" + id + "'",
                 "--state-dir", cluster.host("a").state_dir()};
  EXPECT_TRUE(
      eventually([&] { return cluster.must("a", query).find("stopped") != std::string::npos; }));
  cluster.kill_host("b");
  EXPECT_TRUE(told_one_of("status: suspected -> down", "status: alive -> down")) << read_file(log);
  EXPECT_TRUE(watch.running());
  cluster.kill_agent("a");
  EXPECT_EQ(watch.wait(), 1);
  EXPECT_THAT(cluster.must("a", query), HasSubstr("stopped"));
}

// `sixpn registry watch --json` and the lines that it has printed.
class Watcher {
 public:
  Watcher(Cluster& cluster, const std::string& name, const std::string& from = "")
      : log_(cluster.host("a").folder + "/" + name),
        process_(words(cluster.host("a").socket(), from), log_) {}

  std::vector<json::value> lines() const {
    std::vector<json::value> out;
    std::istringstream text(read_file(log_));
    for (std::string line; std::getline(text, line) && !text.eof();)
      out.push_back(json::parse(line));
    return out;
  }
  // Of one type, in order: "+ app/web" of a change, and so on.
  Words lines_of(const std::string& type) const {
    Words out;
    for (const auto& line : lines()) {
      if (line.at("type").as_string() != type) continue;
      const std::string key(line.at("key").as_string());
      out.push_back(type == "value" ? key : sign(line) + key);
    }
    return out;
  }
  // "app/NETWORK/" of this app among the values; "" without it.
  std::string app_prefix(const std::string& app) const {
    for (const auto& key : lines_of("value"))
      if (key.starts_with("app/") && key.ends_with("/" + app))
        return key.substr(0, key.size() - app.size());
    return "";
  }
  // Of the last "at", "" without one.
  std::string cursor() const {
    std::string out;
    for (const auto& line : lines())
      if (line.at("type").as_string() == "at") out = line.at("cursor").as_string();
    return out;
  }
  // Why the whole state came, "" if it did without a reason, "-" if it did not come.
  std::string whole() const {
    for (const auto& line : lines())
      if (line.at("type").as_string() == "state")
        return line.as_object().contains("reason") ? std::string(line.at("reason").as_string())
                                                   : "";
    return "-";
  }
  bool tells(const std::string& change) const {
    return eventually([&] {
      auto changes = lines_of("change");
      return std::find(changes.begin(), changes.end(), change) != changes.end() &&
             lines().back().at("type").as_string() == "at";
    });
  }
  bool has_all() const {
    return eventually([&] { return !cursor().empty(); });
  }
  void stop() {
    process_.signal(SIGTERM);
    process_.wait();
  }

 private:
  static Words words(const std::string& socket, const std::string& from) {
    Words out = {SIXPN_CLI, "--socket", socket, "--json", "registry", "watch"};
    if (!from.empty()) out.insert(out.end(), {"--from", from});
    return out;
  }
  static std::string sign(const json::value& change) {
    return change.at("old").is_null() ? "+ " : change.at("new").is_null() ? "- " : "~ ";
  }

  std::string log_;
  Process process_;
};

TEST(Watch, AResumedWatchTellsWhatItMissedAndNothingTwice) {
  Cluster cluster("resume");
  cluster.add_host("a", "iad");
  cluster.add_host("b", "fra");
  ASSERT_NO_FATAL_FAILURE(cluster.form());
  cluster.must("b", {"apps", "create", "before", "--org", "acme"});
  auto a_sees = [&](const char* app) {
    return cluster.must("a", {"apps", "list"}).find(app) != std::string::npos;
  };
  ASSERT_TRUE(eventually([&] { return a_sees("before"); }));

  Watcher first(cluster, "first");
  ASSERT_TRUE(first.has_all());
  EXPECT_EQ(first.whole(), "");
  const std::string app = first.app_prefix("before");
  ASSERT_NE(app, "");
  const std::string very_first = first.cursor();
  cluster.must("b", {"apps", "create", "told", "--org", "acme"});
  ASSERT_TRUE(first.tells("+ " + app + "told"))
      << ::testing::PrintToString(first.lines_of("change"));
  first.stop();
  const std::string cursor = first.cursor();

  // Nobody watches.
  cluster.must("b", {"apps", "create", "missed", "--org", "acme"});
  ASSERT_TRUE(eventually([&] { return a_sees("missed"); }));
  cluster.must("b", {"apps", "create", "brief", "--org", "acme"});
  ASSERT_TRUE(eventually([&] { return a_sees("brief"); }));
  cluster.must("a", {"apps", "destroy", "brief"});
  ASSERT_TRUE(eventually([&] { return !a_sees("brief"); }));

  Watcher resumed(cluster, "resumed", cursor);
  ASSERT_TRUE(resumed.tells("- " + app + "brief"));
  cluster.must("b", {"apps", "create", "after", "--org", "acme"});
  ASSERT_TRUE(resumed.tells("+ " + app + "after"));
  resumed.stop();
  EXPECT_EQ(resumed.whole(), "-");
  EXPECT_THAT(resumed.lines_of("value"), IsEmpty());
  EXPECT_THAT(resumed.lines_of("change"), ElementsAre("+ " + app + "missed", "+ " + app + "brief",
                                                      "- " + app + "brief", "+ " + app + "after"));
  EXPECT_EQ(resumed.lines().front().at("cursor").as_string(), cursor);
  // From where it ended: nothing.
  Watcher again(cluster, "again", resumed.cursor());
  ASSERT_TRUE(again.has_all());
  again.stop();
  EXPECT_EQ(again.lines().size(), 1U);
  // From before the first of those: all of them.
  Watcher older(cluster, "older", very_first);
  ASSERT_TRUE(older.tells("+ " + app + "after"));
  EXPECT_THAT(older.lines_of("change"),
              ElementsAre("+ " + app + "told", "+ " + app + "missed", "+ " + app + "brief",
                          "- " + app + "brief", "+ " + app + "after"));
}

TEST(Watch, ACursorThatCannotBeResumedGivesTheWholeStateAndTheReason) {
  Cluster cluster("cursors");
  cluster.add_host("a", "iad");
  ASSERT_NO_FATAL_FAILURE(cluster.form());
  cluster.must("a", {"apps", "create", "web", "--org", "acme"});
  std::string cursor;
  {
    Watcher watcher(cluster, "any");
    ASSERT_TRUE(watcher.has_all());
    cursor = watcher.cursor();
  }
  const std::string epoch = cursor.substr(0, cursor.find(':'));
  auto expect_whole = [&](const std::string& from, const std::string& reason) {
    Watcher watcher(cluster, "from" + reason, from);
    ASSERT_TRUE(watcher.has_all()) << from;
    EXPECT_EQ(watcher.whole(), reason) << from;
    EXPECT_NE(watcher.app_prefix("web"), "") << from;
    EXPECT_THAT(watcher.lines_of("change"), IsEmpty());
  };
  expect_whole(epoch + ":1", "the changes since then are no longer kept");
  expect_whole(epoch + ":1000000000", "there was no such generation yet");
  expect_whole("0" + epoch + ":1", "the agent has restarted since");
  for (const char* garbage : {"1", ":1", "x:", "x:-1", "x:1x", "x:99999999999999999999"}) {
    auto refused = cluster.sixpn("a", {"registry", "watch", "--from", garbage});
    EXPECT_NE(refused.status, 0) << garbage;
    EXPECT_THAT(refused.err, HasSubstr("expected the cursor of an earlier watch")) << garbage;
    EXPECT_EQ(refused.out, "") << garbage;
  }
  cluster.kill_agent("a");
  ASSERT_NO_FATAL_FAILURE(cluster.start_agent("a"));
  expect_whole(cursor, "the agent has restarted since");
  // A person is told so, too.
  std::string log = cluster.host("a").folder + "/text";
  Process text(
      {SIXPN_CLI, "--socket", cluster.host("a").socket(), "registry", "watch", "--from", cursor},
      log);
  EXPECT_TRUE(eventually([&] { return read_file(log).find("/web  web") != std::string::npos; }));
  EXPECT_THAT(read_file(log), HasSubstr("# the whole state again: the agent has restarted since"));
}

}  // namespace
}  // namespace sixpn::testing
