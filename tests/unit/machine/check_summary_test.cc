#include "machine/core/check_summary.h"

#include <gtest/gtest.h>

namespace sixpn::machine {
namespace {

CheckResult of_service(std::uint16_t port, Health status) {
  return {"s", port, CheckScope::kService, status, {}, ""};
}
CheckResult of_app(Health status) {
  return {"own", 8080, CheckScope::kInformational, status, {}, ""};
}
CheckResult of_readiness(Health status) {
  return {"ready", 9999, CheckScope::kReadiness, status, {}, ""};
}

TEST(CheckSummary, AServiceStandsAsItsOwnChecksDo) {
  CheckSummary told =
      summarise({of_service(8080, Health::kCritical), of_service(8080, Health::kPassing),
                 of_service(9090, Health::kPassing)},
                {7070, 8080, 9090});
  EXPECT_EQ(told.health, Health::kCritical) << "what sixpn 0.1 routes by";
  EXPECT_EQ(told.services,
            (std::vector<ServiceHealth>{{7070, Health::kUnknown}, {9090, Health::kPassing}}));
  EXPECT_EQ(told.app_health, Health::kUnknown);
}

TEST(CheckSummary, OnlyWhatDiffersIsTold) {
  for (Health health : {Health::kPassing, Health::kWarning, Health::kCritical}) {
    CheckSummary told = summarise({of_service(1, health), of_service(2, health)}, {1, 2});
    EXPECT_EQ(told.health, health);
    EXPECT_TRUE(told.services.empty());
  }
  EXPECT_EQ(summarise({}, {1, 2}), CheckSummary{});
}

TEST(CheckSummary, TheAppsOwnChecksChangeNoService) {
  CheckSummary told = summarise(
      {of_service(8080, Health::kPassing), of_app(Health::kPassing), of_app(Health::kCritical)},
      {8080});
  EXPECT_EQ(told.health, Health::kPassing);
  EXPECT_TRUE(told.services.empty()) << "not even that of the same port";
  EXPECT_EQ(told.app_health, Health::kCritical);
}

TEST(CheckSummary, AReadinessCheckIsEveryServices) {
  CheckSummary told = summarise(
      {of_service(8080, Health::kPassing), of_readiness(Health::kCritical)}, {7070, 8080});
  EXPECT_EQ(told.health, Health::kCritical);
  EXPECT_TRUE(told.services.empty()) << "also those without checks of their own";
  EXPECT_EQ(told.app_health, Health::kUnknown);

  told = summarise({of_service(8080, Health::kCritical), of_readiness(Health::kPassing)},
                   {7070, 8080});
  EXPECT_EQ(told.health, Health::kCritical);
  EXPECT_EQ(told.services, (std::vector<ServiceHealth>{{7070, Health::kPassing}}));

  told = summarise({of_readiness(Health::kWarning), of_app(Health::kCritical)}, {});
  EXPECT_EQ(told.health, Health::kWarning) << "a machine that serves nothing is shown so";
  EXPECT_EQ(told.app_health, Health::kCritical);
}

TEST(CheckSummary, CriticalBeforeWarningBeforeUnknownBeforePassing) {
  const Health by_badness[] = {Health::kCritical, Health::kWarning, Health::kUnknown,
                               Health::kPassing};
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t k = i; k < 4; ++k)
      EXPECT_EQ(summarise({of_service(1, by_badness[k]), of_service(1, by_badness[i])}, {1}).health,
                by_badness[i]);
}

}  // namespace
}  // namespace sixpn::machine
