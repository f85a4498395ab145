#include "machine/core/check_plan.h"

#include <gtest/gtest.h>

namespace sixpn::machine {
namespace {

Service service(std::uint16_t port, std::vector<CheckKind> kinds,
                std::vector<std::string> groups = {}) {
  Service made;
  made.internal_port = port;
  made.groups = std::move(groups);
  for (CheckKind kind : kinds) {
    ServiceCheck check;
    check.kind = kind;
    made.checks.push_back(check);
  }
  return made;
}

AppRecord app_of(std::vector<Service> services) {
  AppRecord app;
  app.services = std::move(services);
  return app;
}

std::vector<std::string> names(const CheckPlan& plan) {
  std::vector<std::string> out;
  for (const auto& check : plan.checks) out.push_back(check.name);
  return out;
}

TEST(CheckPlan, NamesAreFlysAndTheSameOnEveryMachine) {
  std::vector<Service> services = {
      service(8080, {CheckKind::kHttp, CheckKind::kTcp}),
      service(5432, {CheckKind::kTcp}, {"db"}),
      service(9090, {CheckKind::kScript}, {"app", "worker"}),
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(plan_checks(app_of(services), "app", true)),
            (Names{"servicecheck-00-http-8080", "servicecheck-01-tcp-8080",
                   "servicecheck-03-script-9090"}));
  EXPECT_EQ(
      names(plan_checks(app_of(services), "db", true)),
      (Names{"servicecheck-00-http-8080", "servicecheck-01-tcp-8080", "servicecheck-02-tcp-5432"}));
  EXPECT_EQ(plan_checks(app_of(services), "db", true).checks[2].port, 5432);
  EXPECT_TRUE(plan_checks(AppRecord{}, "app", true).checks.empty());
}

TEST(CheckPlan, SaysWhatCannotBeRun) {
  std::vector<Service> services = {
      service(8080, {CheckKind::kTcp, CheckKind::kHttp, CheckKind::kHttp, CheckKind::kScript})};
  services[0].checks[2].tls = true;
  for (bool has_processes : {true, false}) {
    auto plan = plan_checks(app_of(services), "app", has_processes);
    ASSERT_EQ(plan.checks.size(), 4u);
    EXPECT_TRUE(plan.checks[0].runnable);
    EXPECT_TRUE(plan.checks[1].runnable);
    EXPECT_TRUE(plan.checks[2].runnable) << "HTTPS";
    EXPECT_EQ(plan.checks[3].runnable, has_processes);
  }
}

TEST(CheckPlan, IsBoundedAndSaysSo) {
  std::vector<Service> services;
  for (std::uint16_t i = 0; i < 10; ++i)
    services.push_back(
        service(static_cast<std::uint16_t>(8080 + i), std::vector(10, CheckKind::kTcp)));
  CheckPlan plan = plan_checks(app_of(services), "app", true);
  EXPECT_EQ(plan.checks.size(), kMaxChecksPerMachine);
  EXPECT_EQ(plan.left_out, 100 - kMaxChecksPerMachine);
}

TEST(CheckPlan, TheAppsOwnChecksComeLastByTheirNamesAndAreOfNoService) {
  AppRecord app = app_of({service(8080, {CheckKind::kTcp})});
  app.checks = {
      {"alive", 8080, {}, {}}, {"ready", 8081, {}, {}, true}, {"queue", 9000, {"worker"}, {}}};
  CheckPlan plan = plan_checks(app, "app", true);
  EXPECT_EQ(names(plan), (std::vector<std::string>{"servicecheck-00-tcp-8080", "alive", "ready"}));
  EXPECT_EQ(plan.checks[0].scope, CheckScope::kService);
  EXPECT_EQ(plan.checks[1].scope, CheckScope::kInformational);
  EXPECT_EQ(plan.checks[2].scope, CheckScope::kReadiness);
  EXPECT_EQ(names(plan_checks(app, "worker", true)).back(), "queue");
}

TEST(CheckPlan, SaysWhichPortsTheMachineServes) {
  AppRecord app = app_of({service(9090, {}), service(8080, {CheckKind::kTcp}),
                          service(8080, {CheckKind::kHttp}), service(5432, {}, {"db"})});
  EXPECT_EQ(plan_checks(app, "app", true).ports, (std::vector<std::uint16_t>{8080, 9090}));
  EXPECT_EQ(plan_checks(app, "db", true).ports, (std::vector<std::uint16_t>{5432, 8080, 9090}));
}

}  // namespace
}  // namespace sixpn::machine
